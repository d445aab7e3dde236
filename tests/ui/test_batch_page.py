"""Scoring a folder in the background, and looking through what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector_app.core.metrics import PixelCounts
from inspector_app.core.protocols import RunState
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.services.summary import BatchSummary
from inspector_app.ui.batch.plan import annotations_for, golden_for
from inspector_app.ui.batch.summary import duration, summary_tiles
from inspector_app.ui.shell import BATCH, Shell
from inspector_app.ui.theme import LIGHT
from tests.ui.window_bench import Settle

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """MVTec's layout: a golden, three good images, two defective ones with masks, one broken file."""
    root = tmp_path / "plate"
    golden = np.full((160, 160, 3), 110, np.uint8)
    for kind, count in (("good", 3), ("dent", 2)):
        (root / "test" / kind).mkdir(parents=True)
        for number in range(count):
            image, mask = golden.copy(), np.zeros((160, 160), np.uint8)
            if kind == "dent":
                image[40:70, 40 : 80 + number] = 250
                mask[40:70, 40 : 80 + number] = 255
                (root / "ground_truth" / kind).mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(root / "ground_truth" / kind / f"{number:03}_mask.png"), mask)
            assert cv2.imwrite(str(root / "test" / kind / f"{number:03}.png"), image)
    assert cv2.imwrite(str(root / "golden.png"), golden)
    (root / "test" / "dent" / "broken.png").write_bytes(b"not a picture")
    return root


@pytest.fixture
def scored(shell: Shell, folder: Path, settle: Settle) -> Shell:
    shell.window.stack.setCurrentIndex(BATCH)
    shell.batch.choose_folder(folder / "test")
    shell.batch_page.start.click()
    settle(shell.runner)
    return shell


def test_a_folder_brings_its_golden_and_annotations_along(shell: Shell, folder: Path) -> None:
    assert not shell.batch_page.start.isEnabled()
    shell.batch.choose_folder(folder / "test")
    assert shell.batch.setup.golden == folder / "golden.png"
    assert shell.batch.setup.truth == folder / "ground_truth"
    assert shell.batch_page.start.isEnabled()
    assert golden_for(folder) is None
    assert annotations_for(folder) == folder / "ground_truth"


def test_it_runs_to_the_end_and_shows_totals_and_rows(scored: Shell) -> None:
    page = scored.batch_page
    assert scored.batch.run.state is RunState.DONE
    assert page.table.model().rowCount() == 6
    assert [page.tiles.text(name) for name in ("Total", "Pass", "Fail", "Error")] == ["6", "3", "2", "1"]
    assert page.tiles.text("Escapes") == "0 of 2"
    assert page.tiles.text("Pooled IoU") == "1.000"
    assert page.runs.count() == 1


def test_a_click_shows_the_pair_with_its_mask(scored: Shell, settle: Settle) -> None:
    page = scored.batch_page
    model = page.table.model()
    row = next(r for r in range(6) if model.record_at(r).verdict is Verdict.FAIL)  # type: ignore[attr-defined]
    page.table.selectRow(row)
    settle(scored.runner)
    assert page.pane.view.test.picture is not None
    assert page.pane.view.golden.picture is not None
    assert len(page.pane.view.test.layers) == 3
    assert page.pane.verdict.card.word == "FAIL"
    page.pane.step(1)
    assert page.pane.view.test.view.zoom > 1
    page.pane.decide(Disposition.CONFIRMED)
    settle(scored.runner)
    assert page.pane.presenter.record is not None
    assert page.pane.presenter.record.disposition is not None
    assert model.data(model.index(row, 1)) == "FAIL → FAIL"


def test_an_image_that_could_not_be_read_says_why(scored: Shell, settle: Settle) -> None:
    page = scored.batch_page
    model = page.table.model()
    row = next(r for r in range(6) if model.record_at(r).verdict is Verdict.ERROR)  # type: ignore[attr-defined]
    page.table.selectRow(row)
    settle(scored.runner)
    assert page.pane.verdict.card.word == "ERROR"
    assert page.pane.view.test.picture is None
    assert page.pane._notes.text()


def test_rows_are_filtered_by_verdict_and_text(scored: Shell) -> None:
    page = scored.batch_page
    page.filter.verdicts.set_index(1)
    page.filter.tell()
    assert page.table.model().rowCount() == 2
    page.filter.verdicts.set_index(0)
    page.filter.text.setText("broken")
    page.filter.tell()
    assert page.table.model().rowCount() == 1


def test_it_can_be_cancelled_and_keeps_what_is_done(
    shell: Shell, folder: Path, until: Until, settle: Settle
) -> None:
    for number in range(600):
        image = np.full((160, 160, 3), number % 256, np.uint8)
        assert cv2.imwrite(str(folder / "test" / "good" / f"{number + 100}.png"), image)
    shell.batch.choose_folder(folder / "test")
    shell.batch.start()
    until(lambda: shell.batch.run.done > 0)
    assert shell.batch_page.cancel.isVisibleTo(shell.batch_page)
    shell.batch.cancel()
    settle(shell.runner)
    assert shell.batch.run.state is RunState.STOPPED
    assert 0 < shell.batch.run.done < 606
    run_id = shell.batch.run.run_id
    assert len(shell.inspector.store.done_in_run(run_id or 0)) == shell.batch.run.done


def test_the_inspect_page_works_meanwhile(
    shell: Shell, folder: Path, pair: tuple[Path, Path, Path], until: Until, settle: Settle
) -> None:
    for number in range(40):
        image = np.full((160, 160, 3), number, np.uint8)
        assert cv2.imwrite(str(folder / "test" / "good" / f"{number + 100}.png"), image)
    shell.batch.choose_folder(folder / "test")
    shell.batch.start()
    shell.pair.open_golden(pair[0])
    until(lambda: shell.pair.golden is not None)
    shell.pair.open_test(pair[1])
    until(lambda: shell.pair.outcome is not None)
    settle(shell.runner)


def test_an_earlier_run_opens_again(scored: Shell, settle: Settle) -> None:
    run_id = scored.batch.run.run_id
    assert run_id is not None
    totals = scored.batch.summary
    scored.batch.open_run(run_id)
    assert scored.batch_page.table.model().rowCount() == 0
    settle(scored.runner)
    assert scored.batch_page.table.model().rowCount() == 6
    assert scored.batch.summary == totals
    assert scored.batch.run.label == "test"


def test_a_recipe_serves_in_place_of_a_golden(shell: Shell, folder: Path, settle: Settle) -> None:
    shell.pair.open_golden(folder / "golden.png")
    settle(shell.runner)
    shell.recipes.save("plate", "")
    settle(shell.runner)
    shell.batch.choose_folder(folder / "test")
    page = shell.batch_page
    page._recipe_chosen(page.recipe.findText("plate"))
    assert shell.batch.setup.golden is None
    shell.batch.start()
    settle(shell.runner)
    model = page.table.model()
    assert {model.record_at(r).settings.recipe for r in range(6)} == {"plate"}  # type: ignore[attr-defined]


def test_a_missing_folder_is_told(shell: Shell, tmp_path: Path, settle: Settle) -> None:
    shell.batch.change(folder=tmp_path / "gone", golden=tmp_path / "golden.png")
    shell.batch.start()
    settle(shell.runner)
    assert shell.window.banner.notice is not None
    assert not shell.batch.run.running


def test_the_demo_is_one_press_away(shell: Shell, settle: Settle) -> None:
    shell.batch_page.demo.click()
    settle(shell.runner)
    assert shell.batch.run.state is RunState.DONE
    assert shell.batch.run.total >= 12


def test_totals_without_annotations_say_less() -> None:
    assert [tile.name for tile in summary_tiles(BatchSummary({Verdict.PASS: 2}), LIGHT)] == [
        "Total",
        "Pass",
        "Fail",
        "Review",
        "Error",
    ]


def test_without_a_marked_change_there_is_no_iou_and_the_tile_says_why() -> None:
    false_pixels = BatchSummary({Verdict.FAIL: 2}, annotated=2, pooled=PixelCounts(fp=10, tn=90))
    (tile,) = (tile for tile in summary_tiles(false_pixels, LIGHT) if tile.name == "Pooled IoU")
    assert (tile.value, "none of them marks a change" in tile.tip) == ("–", True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (3.4, "3 s"), (75, "1:15"), (3700, "1:01:40"), (-1, "0 s")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_the_scores_are_drawn(scored: Shell, settle: Settle) -> None:
    page = scored.batch_page
    scored.batch_page._settle()
    page.scores.click()
    assert page.plot.isVisible()
    assert "5 images" in page.plot.text
    assert "1 could not be inspected" in page.plot.text
    page.set_theme(LIGHT)
    page.scores.click()
    assert not page.plot.isVisible()


def test_the_window_opens_on_a_run(scored: Shell, settle: Settle) -> None:
    scored.window.stack.setCurrentIndex(0)
    scored.start(scored.batch.run.run_id)
    settle(scored.runner)
    assert scored.window.stack.currentIndex() == BATCH
    assert scored.batch_page.table.model().rowCount() == 6


def test_a_folder_of_goldens_serves_by_name(shell: Shell, folder: Path, settle: Settle) -> None:
    goldens = folder / "goldens"
    for kind, name in (("good", "000.png"), ("good", "001.png"), ("good", "002.png"), ("dent", "000.png")):
        (goldens / kind).mkdir(parents=True, exist_ok=True)
        (goldens / kind / name).write_bytes((folder / "golden.png").read_bytes())
    menu = shell.batch_page.golden.button.menu()
    assert len(menu.actions()) == 2
    shell.batch.choose_folder(folder / "test")
    shell.batch.choose_golden(goldens)
    assert "goldens" in shell.batch_page.golden.button.text()
    shell.batch.start()
    settle(shell.runner)
    tiles = shell.batch_page.tiles
    assert [tiles.text(name) for name in ("Pass", "Fail", "Error")] == ["3", "1", "2"]
