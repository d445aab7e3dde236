from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inspector_app.services.unit_split import HELD_OUT_SHARE, Unit, hold_out, units_of

KEYS = st.sets(st.text("0123456789abcdef", min_size=4, max_size=6), max_size=40)


def units(good: set[str], bad: set[str]) -> list[Unit]:
    return [Unit(f"{kind}{key}", kind, frozenset({f"{kind}{key}"})) for kind, keys in (("g", good), ("b", bad)) for key in sorted(keys)]  # fmt: skip


@given(KEYS, KEYS, st.randoms())
def test_the_order_of_the_records_decides_nothing(good: set[str], bad: set[str], random: object) -> None:
    every = units(good, bad)
    shuffled = list(every)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert hold_out(every, "plate") == hold_out(shuffled, "plate")


@given(KEYS, KEYS)
def test_each_stratum_gives_its_share(good: set[str], bad: set[str]) -> None:
    chosen = hold_out(units(good, bad), "plate")
    for kind, keys in (("g", good), ("b", bad)):
        held = sum(key.startswith(kind) for key in chosen)
        assert held == (max(1, round(HELD_OUT_SHARE * len(keys))) if len(keys) > 1 else 0)
        assert held < len(keys) or not keys


@given(KEYS, st.data())
def test_a_unit_stays_on_its_side_when_records_are_added(good: set[str], data: st.DataObject) -> None:
    every = units(good, set())
    few = every[: data.draw(st.integers(0, len(every)))]
    held = hold_out(few, "plate")
    trained = {unit.key for unit in few} - held
    later = hold_out(every, "plate", trained, held)
    assert held <= later
    assert not trained & later


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=3), st.sets(st.sampled_from(["A1", "A2", "A3", "B"]))
    )
)
def test_pictures_that_share_a_serial_are_one_unit(serials: dict[str, set[str]]) -> None:
    found = units_of(serials)
    assert sorted(image for images in found.values() for image in images) == sorted(serials)
    unit = {image: key for key, images in found.items() for image in images}
    for first, names in serials.items():
        for second, others in serials.items():
            if names & others:
                assert unit[first] == unit[second]
    assert all(key == min(images) for key, images in found.items())


def test_a_picture_without_a_serial_is_a_unit_of_its_own() -> None:
    assert units_of({"a": {"S"}, "b": set(), "c": {"S", "T"}, "d": {"T"}, "e": set()}) == {
        "a": frozenset("acd"),
        "b": frozenset("b"),
        "e": frozenset("e"),
    }


def test_what_can_only_be_shown_is_held_out_unless_its_unit_was_trained_on() -> None:
    shown = [Unit(key, "b", frozenset({key}), only_shown=True) for key in "xy"]
    assert hold_out(shown, "plate", trained_before={"y"}) == {"x"}
