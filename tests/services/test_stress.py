"""Stress: the same images again, perturbed with their truth, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspector_app.cli.stress_output import stress_verdict
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import Settings
from inspector_app.core.recipe import Limits
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.evaluate import plan_labelled
from inspector_app.services.inspect import InspectionService
from inspector_app.services.plan import BatchItem
from inspector_app.services.stress import StressReport, observe_stress, perturbations, stress_report
from inspector_app.vision.decode import read_frame
from inspector_app.vision.perturb import Nuisance, Perturbation
from tests.pictures import mask_of, plain, spoiled, write
from tests.services.conftest import MakeService


@pytest.fixture
def job(tmp_path: Path) -> BatchJob:
    golden = write(tmp_path / "golden.png", plain())
    items = []
    for number in range(4):
        box = (36 + number, 8 + number, 9, 7)
        bad = number > 1
        name = f"{'chip' if bad else 'good'}_{number}.png"
        path = write(tmp_path / name, spoiled([box] if bad else []))
        mask = write(tmp_path / "label" / name, mask_of([box] if bad else []))
        items.append(BatchItem(path, name, golden, mask))
    return BatchJob("stress", tmp_path, tuple(items), Settings(limits=Limits(threshold=0.25, min_area_px=4)))


def stress(
    service: InspectionService,
    job: BatchJob,
    planned: Sequence[Perturbation],
    seed: int = 0,
    left_out: Sequence[str] = (),
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> StressReport:
    return stress_report([observe_stress(service, job, planned, seed, on_done)], planned, left_out)


def test_every_nuisance_at_every_strength() -> None:
    planned = perturbations(2)
    assert len(planned) == 2 * len(Nuisance)
    assert {p.strength for p in planned} == {0.5, 1.0}


def test_nothing_is_lost_at_strength_zero(job: BatchJob, make_service: MakeService) -> None:
    found = stress(make_service(), job, [Perturbation(n, 0.0) for n in Nuisance])
    assert found.plain.total.pooled.iou == 1.0
    for row in found.rows:
        assert row.report == found.plain
        assert (row.iou_fall, row.iou_without_fall, row.auroc_fall) == (0.0, None, 0.0)
    assert found.holds


def test_the_truth_is_moved_and_the_fall_is_told(job: BatchJob, make_service: MakeService) -> None:
    heard: list[tuple[int, int]] = []
    planned = [Perturbation(Nuisance.SHIFT, 1.0), Perturbation(Nuisance.JPEG, 0.1)]
    found = stress(
        make_service(),
        job,
        planned,
        left_out=["good"],
        on_done=lambda done, total: heard.append((done, total)),
    )
    shifted, compressed = found.rows
    # A bare difference marks the edges of whatever moved, but it still marks the defect where it went.
    assert shifted.report.total.pooled.recall == pytest.approx(1.0, abs=0.1)
    assert shifted.iou_fall is not None
    assert shifted.iou_fall > 0.02
    assert shifted.report.total.false_calls.count == 2
    assert not shifted.holds
    assert compressed.holds
    assert compressed.iou_without_fall is not None
    assert not found.holds
    assert heard[-1] == (4, 4)


def test_the_seed_decides(job: BatchJob, make_service: MakeService) -> None:
    planned = [Perturbation(Nuisance.TURN, 1.0), Perturbation(Nuisance.SHIFT, 0.7)]
    first, again, other = (stress(make_service(), job, planned, seed) for seed in (0, 0, 5))
    assert first.rows == again.rows
    assert first.rows != other.rows


def test_an_image_that_cannot_be_read_stays_an_error(
    job: BatchJob, make_service: MakeService, tmp_path: Path
) -> None:
    broken = tmp_path / "chip_9.png"
    broken.write_bytes(b"no picture")
    items = (*job.items, BatchItem(broken, broken.name, job.items[0].golden, job.items[3].truth))
    found = stress(
        make_service(), BatchJob("x", tmp_path, items, job.settings), [Perturbation(Nuisance.BLUR, 1.0)]
    )
    assert np.isfinite(found.plain.total.pooled.fn)
    assert found.plain.total.total == found.rows[0].report.total.total == 5


def test_folds_are_pooled_and_none_may_hold_what_another_holds(
    job: BatchJob, make_service: MakeService
) -> None:
    planned = [Perturbation(Nuisance.SHIFT, 1.0), Perturbation(Nuisance.JPEG, 0.5)]
    halves = [replace(job, items=job.items[::2]), replace(job, items=job.items[1::2])]
    parts = [observe_stress(make_service(), half, planned) for half in halves]
    pooled, whole = stress_report(parts, planned, ["good"]), stress(make_service(), job, planned, 0, ["good"])
    assert pooled.plain.total == whole.plain.total
    assert [row.iou_fall for row in pooled.rows] == [row.iou_fall for row in whole.rows]
    assert [row.iou_without_fall for row in pooled.rows] == [row.iou_without_fall for row in whole.rows]
    with pytest.raises(KeeperError) as caught:
        stress_report([parts[0], *parts], planned)
    assert caught.value.code == "folds_overlap"
    with pytest.raises(KeeperError) as caught:
        stress_report(parts, planned, ["lost"])
    assert caught.value.code == "kind_unknown"


def test_goldens_are_chosen_by_what_is_seen(
    job: BatchJob, make_service: MakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station sees the perturbed picture alone: the golden that it matches best is not the untouched one's."""
    dark = (plain() * 0.7).astype(np.uint8)
    goldens = tuple(
        read_frame(write(tmp_path / f"g{number}.png", pixels))
        for number, pixels in enumerate((plain(), dark))
    )
    items = tuple(replace(item, golden=None) for item in job.items[:1])
    seen: list[str] = []
    service = make_service()
    evaluate = service.evaluate
    monkeypatch.setattr(
        service, "evaluate", lambda request: (seen.append(request.golden_ref.name), evaluate(request))[1]
    )
    observe_stress(service, replace(job, items=items, goldens=goldens), [Perturbation(Nuisance.DARKER, 1.0)])
    assert seen == ["g0.png", "g1.png"]


def test_without_annotated_pixels_nothing_is_said_of_iou(
    job: BatchJob, make_service: MakeService, tmp_path: Path
) -> None:
    for item in job.items:
        write(tmp_path / ("ok" if "good" in item.name else "nok") / item.name, read_frame(item.path).pixels)
    items = plan_labelled(tmp_path / "ok", tmp_path / "nok", tmp_path / "golden.png")
    found = stress(make_service(), replace(job, items=items), [Perturbation(Nuisance.SHIFT, 1.0)])
    (row,) = found.rows
    assert (row.iou_fall, row.iou_holds, row.holds, found.holds) == (None, None, None, None)
    assert found.plain.unmarked == 2
    assert "cannot be told" in stress_verdict(found)
