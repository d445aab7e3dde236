"""A batch as it was asked for, and what makes two of them the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from inspector_app.core.frame import Frame
from inspector_app.core.inspection import Identity, Settings
from inspector_app.services.plan import BatchItem, items_digest


@dataclass(frozen=True, eq=False)
class BatchJob:
    """A whole batch, captured before it starts.

    Attributes:
        label: for people, e.g. the folder's name.
        root: the folder that the items' names are relative to.
        goldens: a recipe's goldens, for items that name none of their own.
        truth_dir: where annotations are looked for; None: only those that items name.
        masks_dir, overlays_dir: where to write pictures of the results, if anywhere.
        grid: ``(width, height)`` of the network, when the least area of ``settings`` is a model's suggestion
            that is to be scaled from the grid of each image's map; None: it counts the image's own pixels.
        resume: continue the newest run that has the same images, goldens, model and settings.
        batch_size: images given to the network at once; 0: chosen by a short measurement.
        workers: threads that take images down the line; 0: one more than the engine's calls that run at once, so
            that none of those waits for a file.
    """

    label: str
    root: Path
    items: tuple[BatchItem, ...]
    settings: Settings
    goldens: tuple[Frame, ...] = ()
    truth_dir: Path | None = None
    identity: Identity = Identity()
    masks_dir: Path | None = None
    overlays_dir: Path | None = None
    grid: tuple[int, int] | None = None
    resume: bool = False
    batch_size: int = 0
    workers: int = 0


def run_fingerprint(job: BatchJob, model_sha256: str) -> str:
    """Sha256 of all that decides a run's results but the images' own bytes."""
    goldens = sorted({str(item.golden) for item in job.items if item.golden})
    one_by_one = len(goldens) > 1 or any(item.truth or item.known_good for item in job.items)
    content = {
        "root": str(job.root.resolve()),
        "goldens": goldens if len(goldens) <= 1 else [],
        "golden_sha256": [hash_file(Path(golden)) for golden in goldens[:1]],
        "items": items_digest(job.items) if one_by_one else "",
        "recipe_goldens": [golden.sha256 for golden in job.goldens],
        "truth": str(job.truth_dir.resolve()) if job.truth_dir else "",
        "model": model_sha256,
        "grid": job.grid,
        "settings": settings_dict(job.settings),
    }
    who = {"lot": job.identity.lot, "operator": job.identity.operator}
    # Only where they are told, so that a run that an older version began is found.
    content |= {name: value for name, value in who.items() if value}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def settings_dict(settings: Settings) -> dict[str, object]:
    """All that decides, as plain JSON values."""
    return {
        "limits": settings.limits.model_dump(mode="json"),
        "alignment": settings.alignment.model_dump(mode="json"),
        "regions": [region.model_dump(mode="json") for region in settings.regions],
        "um_per_px": settings.um_per_px,
        "recipe": settings.recipe,
        "revision": settings.revision,
        "product": settings.product,
        "measure_at": settings.measure_at.value,
        "view": settings.view.model_dump(mode="json"),
        "goldens_used": settings.goldens_used,
    }


def hash_file(path: Path) -> str:
    """Sha256 of a file's bytes, "" when it cannot be read or is no file (a pipe would be waited for without end)."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
