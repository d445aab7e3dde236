from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from inspector_app.core.errors import KeeperError
from inspector_app.settings.app_settings import AppSettings, load_settings, save_settings
from inspector_app.settings.data_dir import data_dir


def test_no_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.json") == AppSettings()


@examples(max_examples=30, deadline=None)
@given(
    settings=st.builds(
        AppSettings,
        station=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        theme=st.sampled_from(["system", "light", "dark"]),
        overlay_opacity=st.floats(0, 1),
        every_nth_pass=st.integers(0, 10**6),
        last_golden=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, settings: AppSettings) -> None:
    path = tmp_path_factory.mktemp("settings") / "new" / "settings.json"
    save_settings(path, settings)
    assert load_settings(path) == settings


def test_a_bad_file_tells_everything_at_once_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    text = json.dumps({"staton": "A", "overlay_opacity": 2, "engine": "tensorr", "sound": "yes"})
    path.write_text(text)
    with pytest.raises(KeeperError) as caught:
        load_settings(path)
    assert caught.value.code == "settings_invalid"
    message = caught.value.message
    assert 'staton: unknown key (did you mean "station"?)' in message
    assert "overlay_opacity: must be less than or equal to 1, not 2" in message
    assert '(did you mean "tensorrt"?)' in message
    assert "sound: must be true or false, not 'yes'" in message
    assert path.read_text() == text


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"null"])
def test_a_file_that_is_no_settings_at_all(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(data)
    with pytest.raises(KeeperError) as caught:
        load_settings(path)
    assert caught.value.code == "settings_invalid"


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(KeeperError) as caught:
        load_settings(tmp_path)
    assert caught.value.code == "settings_invalid"


def test_data_dir_comes_from_the_option_then_the_environment_then_the_platform(tmp_path: Path) -> None:
    assert data_dir(tmp_path / "cli", {"INSPECTOR_DATA": str(tmp_path)}) == tmp_path / "cli"
    assert data_dir(None, {"INSPECTOR_DATA": str(tmp_path)}) == tmp_path
    assert data_dir(None, {"INSPECTOR_DATA": ""}) == data_dir(None, {})
    assert data_dir(None, {}).name == "inspector-app"
    assert data_dir(Path("here"), {}) == Path.cwd() / "here"
    assert data_dir(Path("~/x"), {}) == Path.home() / "x"
