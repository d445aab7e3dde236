"""Plans on disk: kept under a key of all that decides them, and trusted only if this program built them.

Deserialising a plan runs what is in it, so nothing is loaded but from the app's own folder, with a header beside
it that names the same key and the plan's own hash. Whatever else lies there is stale, foreign or damaged, and is
built anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from inspector_app.core.files import atomic_write, ensure_folder

Part = Literal["whole", "golden", "rest"]
KEPT_PLANS = 24
"""How many plans a folder holds; the ones that were longest not used go first."""
_BUILDER = 2
"""Raised when what this package asks of TensorRT changes, or how a graph is split in two."""


@dataclass(frozen=True)
class BatchRange:
    """A plan for a dynamic batch serves 1 to ``most`` images at a time, and is tuned for ``best``."""

    best: int = 8
    most: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.best <= self.most:
            raise ValueError(f"not in order: 1, {self.best}, {self.most}")

    def chunk(self, count: int) -> int:
        """How many of ``count`` images go at a time: even parts, at least two where that lets copies overlap."""
        parts = max(-(-count // self.most), 2 if count > self.best else 1)
        return -(-count // parts)


@dataclass(frozen=True)
class BuildSettings:
    """What the builder may use.

    Attributes:
        workspace_mib: the most GPU memory that one layer may take for itself.
        tf32: let float32 products be rounded to 10-bit mantissas; faster, but no longer float32.
    """

    workspace_mib: int = 2048
    tf32: bool = False


@dataclass(frozen=True)
class PlanKey:
    """All that decides a plan."""

    model_sha256: str
    part: Part
    tensorrt: str
    gpu: str
    capability: str
    precision: str
    profile: str
    names: str = ""
    """The graph's inputs and the output that is read: a part of it holds what these need, and no more."""
    builder: int = _BUILDER

    @property
    def digest(self) -> str:
        """Of all parts, in hex."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class StoredPlan:
    """A plan that may be trusted. ``note`` tells why the golden is not split off, for a whole graph."""

    data: bytes
    note: str


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    key: dict[str, str | int]
    sha256: str
    note: str


def profile_text(batches: BatchRange, height: int, width: int, settings: BuildSettings) -> str:
    """A profile and the builder's settings as a part of a key."""
    sizes = f"1-{batches.best}-{batches.most} x 3 x {height} x {width}"
    return f"{sizes}, {settings.workspace_mib} MiB{', TF32' if settings.tf32 else ''}"


class PlanStore:
    """The folder of plans."""

    def __init__(self, folder: Path) -> None:
        """``folder`` belongs to this program alone; it is made when the first plan is stored."""
        self.folder = folder

    def path(self, key: PlanKey) -> Path:
        """Where the plan of ``key`` lies or would lie."""
        return self.folder / f"{key.digest}.plan"

    def load(self, key: PlanKey) -> StoredPlan | None:
        """The plan, or None when there is none, or one that is not to be trusted."""
        path = self.path(key)
        try:
            header = _Header.model_validate_json(_header_path(path).read_bytes())
            data = path.read_bytes()
        except (OSError, ValidationError):
            return None
        if header.key != asdict(key) or header.sha256 != hashlib.sha256(data).hexdigest():
            return None
        _touch(path)
        return StoredPlan(data, header.note)

    def save(self, key: PlanKey, data: bytes, note: str = "") -> Path:
        """Write a plan that was just built, whole or not at all; returns its path.

        Raises:
            KeeperError: when the disk is full or cannot be written.
        """
        ensure_folder(self.folder)
        path = self.path(key)
        header = _Header(key=asdict(key), sha256=hashlib.sha256(data).hexdigest(), note=note)
        # Cut off between the two, the old header does not fit the new plan, which is then built again.
        atomic_write(path, data)
        atomic_write(_header_path(path), header.model_dump_json(indent=2).encode())
        self._prune(keep=path)
        return path

    def forget(self, key: PlanKey) -> None:
        """Remove a plan that TensorRT would not load."""
        self.path(key).unlink(missing_ok=True)
        _header_path(self.path(key)).unlink(missing_ok=True)

    def timing(self, key: PlanKey) -> bytes:
        """The measured kernels of this GPU and TensorRT, or nothing."""
        path = self._timing_path(key)
        try:
            data = path.read_bytes()
            trusted = path.with_suffix(".sha256").read_text().strip() == hashlib.sha256(data).hexdigest()
        except (OSError, ValueError):
            return b""
        return data if trusted else b""

    def save_timing(self, key: PlanKey, data: bytes) -> None:
        """Keep the measured kernels.

        Raises:
            KeeperError: when the disk is full or cannot be written.
        """
        ensure_folder(self.folder)
        path = self._timing_path(key)
        atomic_write(path, data)
        atomic_write(path.with_suffix(".sha256"), hashlib.sha256(data).hexdigest().encode())

    def _timing_path(self, key: PlanKey) -> Path:
        machine = f"{key.tensorrt}|{key.gpu}|{key.capability}"
        return self.folder / f"timing-{hashlib.sha256(machine.encode()).hexdigest()[:16]}.cache"

    def _prune(self, keep: Path) -> None:
        plans = sorted(self.folder.glob("*.plan"), key=_used, reverse=True)
        for path in _but(plans, keep)[KEPT_PLANS - 1 :]:
            path.unlink(missing_ok=True)
            _header_path(path).unlink(missing_ok=True)


def _header_path(plan: Path) -> Path:
    return plan.with_suffix(".json")


def _but(paths: Sequence[Path], one: Path) -> list[Path]:
    return [path for path in paths if path != one]


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _touch(path: Path) -> None:
    try:
        path.touch()
    except OSError:
        # A folder that may only be read still serves.
        return
