from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from inspector_app.core.errors import KeeperError
from inspector_app.core.geometry import Region
from inspector_app.core.recipe import Alignment, GoldenRef, Limits, Recipe
from inspector_app.services.recipes import (
    RecipeFormat,
    RecipeService,
    dump_recipe,
    golden_of_frame,
    load_recipe_file,
)
from inspector_app.storage.archive import FileImageArchive
from inspector_app.storage.store import SqlRecordStore
from tests.makers import FakeClock, make_frame, make_pixels, png_bytes

PICTURE = png_bytes(make_pixels())
OTHER = png_bytes(make_pixels(seed=1))
DIGEST = hashlib.sha256(PICTURE).hexdigest()
EMBEDDED = GoldenRef(
    name="golden.png", sha256=DIGEST, width=32, height=24, data=base64.b64encode(PICTURE).decode()
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RecipeService]:
    store = SqlRecordStore(tmp_path / "records.sqlite3", FakeClock(), "0.1")
    yield RecipeService(store, FileImageArchive(tmp_path / "images"))
    store.close()


def written(folder: Path, text: str, name: str = "r.toml") -> Path:
    (folder / "golden.png").write_bytes(PICTURE)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def problems(path: Path) -> list[str]:
    with pytest.raises(KeeperError) as caught:
        load_recipe_file(path)
    assert caught.value.code == "recipe_invalid"
    return [line.strip() for line in caught.value.message.splitlines()[1:]]


REAL = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
RECIPES = st.builds(
    Recipe,
    name=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), min_size=1, max_size=10).filter(
        lambda name: name == name.strip()
    ),
    product=TEXT,
    model=TEXT.filter(bool),
    goldens=st.just((EMBEDDED,)) | st.just((EMBEDDED.model_copy(update={"data": None}),)),
    alignment=st.builds(Alignment, method=st.sampled_from(["none", "affine"]), min_quality=st.floats(-1, 1)),
    regions=st.lists(
        st.builds(
            Region,
            name=TEXT,
            mode=st.sampled_from(["inspect", "ignore"]),
            points=st.lists(st.tuples(*[st.floats(-1e300, 1e300)] * 2), min_size=3, max_size=4).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    limits=st.builds(
        Limits,
        threshold=st.floats(0.5, 1),
        review_threshold=st.none() | st.floats(0.01, 0.49),
        min_area_px=st.integers(1, 10**9),
    ),
    um_per_px=st.none() | st.floats(1e-9, 1e9),
)


@examples(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recipe=RECIPES, form=st.sampled_from(["toml", "json"]))
def test_a_recipe_goes_through_a_file_unchanged(
    tmp_path_factory: pytest.TempPathFactory, recipe: Recipe, form: RecipeFormat
) -> None:
    path = tmp_path_factory.getbasetemp() / f"round-trip.{form}"
    path.write_bytes(dump_recipe(recipe, form))
    loaded = load_recipe_file(path)
    assert loaded == recipe
    assert loaded.fingerprint() == recipe.fingerprint()


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        name = "Board A"
        mm_per_px = 0.05
        [[goldens]]
        file = "golden.png"
        [limits]
        threshold = 0.7
        [[regions]]
        name = "rim"
        mode = "ignore"
        points = [[0, 0], [10, 0], [10, 10.5]]
        """,
    )
    recipe = load_recipe_file(path)
    assert recipe.um_per_px == 50.0
    assert recipe.goldens == (EMBEDDED,)
    assert recipe.limits.threshold == 0.7
    assert recipe.regions[0].points[2] == (10.0, 10.5)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"""
        schema_version = 2
        name = " Board"
        um_per_px = 50.0
        modle = "generic"
        mm_per_px = -1
        [[goldens]]
        file = "golden.png"
        sha256 = "{"0" * 64}"
        width = 33
        [[goldens]]
        file = "absent.png"
        [[goldens]]
        name = "by hash"
        sha256 = "{"1" * 64}"
        [[goldens]]
        nmae = "x"
        [[goldens]]
        name = "neither"
        [[goldens]]
        data = "!!"
        [limits]
        threshold = 0.2
        review_threshold = 0.4
        min_area = 0
        max_defects = 1.5
        [alignment]
        method = "ridgid"
        max_residual = inf
        [[regions]]
        mode = "inspect"
        points = [[0, 0], [1, 1]]
        """,
    )
    found = problems(path)
    assert sorted(found) == sorted(
        [
            "alignment.max_residual: must be a finite number",
            f"goldens[0].sha256: is {'0' * 64}, but the picture's is {DIGEST}",
            "goldens[0].width: is 33, but the picture's is 32",
            "goldens[1].file: absent.png cannot be read: No such file or directory",
            "goldens[2].width: is missing (needed beside sha256)",
            "goldens[2].height: is missing (needed beside sha256)",
            'goldens[3].nmae: unknown key (did you mean "name"?)',
            "goldens[4]: needs one of file, data and sha256",
            "goldens[5].data: is not base64",
            'um_per_px: unknown key (did you mean "mm_per_px"? it is in millimetres)',
            "schema_version: must be 1, not 2",
            "name: a recipe's name may not begin or end with a space or hold control characters",
            "alignment.method: must be 'none', 'translation', 'rigid' or 'affine', not 'ridgid'"
            ' (did you mean "rigid"?)',
            "regions[0].points: must have at least 3 items, not 2",
            "limits.max_defects: must be a whole number, not 1.5",
            'limits.min_area: unknown key (did you mean "min_area_px"?)',
            "limits: review_threshold must lie below threshold",
            "mm_per_px: must be greater than 0, not -1",
            'modle: unknown key (did you mean "model"?)',
        ]
    )


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("name = ", "r.toml", "the file is not TOML"),
        ("{", "r.json", "the file is not JSON"),
        ("[" * 100_000, "r.json", "the file is not JSON"),
        ("[1]", "r.json", "the file must hold one object"),
        ('{"name": "a", "name": "b"}', "r.json", "name: is given twice"),
        ('{"name": "a"}', "r.json", "goldens: at least one golden is needed"),
        ('{"name": "a", "goldens": 3}', "r.json", "goldens: at least one golden is needed"),
        ('{"name": "a", "goldens": [3]}', "r.json", "goldens[0]: must be a table"),
        ('{"name": "a", "mm_per_px": NaN}', "r.json", "mm_per_px: must be a finite number"),
        ('{"name": "a", "mm_per_px": 1e999}', "r.json", "mm_per_px: must be a finite number"),
        ('{"name": 1979-05-27}', "r.json", "the file is not JSON"),
        ("name = 1979-05-27", "r.toml", "goldens: at least one golden is needed"),
        ("", "r.yaml", "the file's name must end in .toml or .json"),
    ],
)
def test_files_that_are_no_recipes(tmp_path: Path, text: str, name: str, said: str) -> None:
    assert any(said in line for line in problems(written(tmp_path, text, name)))


def test_goldens_against_each_other(tmp_path: Path) -> None:
    twice = '[[goldens]]\nfile = "golden.png"\n' * 2
    found = problems(written(tmp_path, f'name = "x"\nmodel = 3\n{twice}'))
    assert "the same golden stands in the recipe twice" in found
    assert "model: must be text, not 3" in found


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(KeeperError) as caught:
        load_recipe_file(tmp_path / "absent.toml")
    assert caught.value.code == "recipe_unreadable"


def made(service: RecipeService, tmp_path: Path, name: str = "board") -> Recipe:
    (tmp_path / "golden.png").write_bytes(PICTURE)
    return service.new(name, [tmp_path / "golden.png"], um_per_px=12.5)


def test_revisions_keep_their_goldens_in_the_archive(service: RecipeService, tmp_path: Path) -> None:
    recipe = made(service, tmp_path)
    assert recipe.goldens == (EMBEDDED,)
    saved = service.save_revision(recipe, "Ada", "first")
    (tmp_path / "golden.png").unlink()
    assert saved.revision == 1
    assert saved.recipe.goldens[0].data is None
    assert saved.recipe.fingerprint() == recipe.fingerprint()
    assert service.get("board") == saved
    frame = service.golden_frame(saved.recipe.goldens[0])
    np.testing.assert_array_equal(frame.pixels, make_pixels())
    assert (frame.name, frame.sha256) == ("golden.png", DIGEST)
    again = service.save_revision(saved.recipe, "Ada", "the same, by hash")
    assert [each.revision for each in service.history("board")] == [2, 1]
    assert service.list() == (again,)


@pytest.mark.parametrize("form", ["toml", "json"])
def test_what_is_exported_can_be_imported_elsewhere(
    service: RecipeService, tmp_path: Path, form: RecipeFormat
) -> None:
    saved = service.save_revision(made(service, tmp_path), "Ada", "")
    path = tmp_path / f"out.{form}"
    service.export("board", None, path)
    store = SqlRecordStore(tmp_path / "elsewhere.sqlite3", FakeClock(), "0.1")
    other = RecipeService(store, FileImageArchive(tmp_path / "elsewhere"))
    imported = other.save_revision(load_recipe_file(path), "Grace", "from station 1")
    assert imported.recipe == saved.recipe
    assert other.golden_frame(imported.recipe.goldens[0]).sha256 == DIGEST
    store.close()


def test_a_live_frame_becomes_a_golden(service: RecipeService) -> None:
    frame = make_frame("camera 0 #12")
    saved = service.save_revision(Recipe(name="live", goldens=(golden_of_frame(frame),)), "Ada", "")
    np.testing.assert_array_equal(service.golden_frame(saved.recipe.goldens[0]).pixels, frame.pixels)


def test_recipes_that_are_not_there(service: RecipeService, tmp_path: Path) -> None:
    service.save_revision(made(service, tmp_path), "Ada", "")
    with pytest.raises(KeeperError, match="the newest is 1") as caught:
        service.get("board", 7)
    assert caught.value.code == "recipe_missing"
    with pytest.raises(KeeperError) as caught:
        service.get("baord")
    assert caught.value.hint == 'Did you mean "board"?'


def test_goldens_that_cannot_be_had(service: RecipeService) -> None:
    def code(golden: GoldenRef) -> str:
        with pytest.raises(KeeperError) as caught:
            service.save_revision(Recipe(name="x", goldens=(golden,)), "Ada", "")
        assert service.list() == ()
        return caught.value.code

    assert code(EMBEDDED.model_copy(update={"data": None})) == "archive_missing"
    assert code(EMBEDDED.model_copy(update={"data": "!!"})) == "golden_damaged"
    assert code(EMBEDDED.model_copy(update={"data": base64.b64encode(OTHER).decode()})) == "golden_damaged"
    assert code(EMBEDDED.model_copy(update={"data": "aGVsbG8="})) == "golden_damaged"
    assert code(EMBEDDED.model_copy(update={"width": 31})) == "golden_damaged"


def test_a_new_recipe_tells_all_that_is_wrong(service: RecipeService, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(KeeperError) as caught:
        service.new("x", [tmp_path / "text.png", tmp_path / "absent.png"])
    assert caught.value.code == "recipe_invalid"
    assert len(caught.value.message.splitlines()) == 3
    with pytest.raises(KeeperError) as caught:
        service.new(" x", [])
    assert len(caught.value.message.splitlines()) == 3


def test_the_json_form_is_plain(tmp_path: Path) -> None:
    tree = json.loads(dump_recipe(Recipe(name="Ä", goldens=(EMBEDDED,), um_per_px=50.0), "json"))
    assert tree["mm_per_px"] == 0.05
    assert tree["name"] == "Ä"
    assert "um_per_px" not in tree


def test_a_name_must_not_look_like_a_revision(service: RecipeService) -> None:
    recipe = Recipe(name="part@1", model="generic", goldens=(EMBEDDED,))
    with pytest.raises(KeeperError, match="means a revision"):
        service.save_revision(recipe, "Ann", "")
    assert service.save_revision(recipe.model_copy(update={"name": "a@b"}), "Ann", "").revision == 1


def test_the_model_in_use_makes_no_new_revision(service: RecipeService) -> None:
    service.save_revision(Recipe(name="part", model="generic", goldens=(EMBEDDED,)), "Ann", "")
    with pytest.raises(KeeperError, match="judges with generic already"):
        service.with_model("part", "generic", "Ann", "")
    assert service.with_model("part", "other", "Ann", "").revision == 2
