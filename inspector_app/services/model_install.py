"""Put a model into the station's own ``models`` folder: whole, tried, and never over another unasked."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write, ensure_folder, sync_folder, write_fault
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import ChangeEngine
from inspector_app.core.self_check import write_self_check
from inspector_app.engines.models import (
    LARGEST_MODEL,
    MANIFEST,
    OPTIMISATION_REPORT,
    SELFCHECK,
    TRAINING_REPORT,
    UNDESCRIBED,
    Model,
    check_inside,
    load_model,
    read_manifest,
)
from inspector_app.engines.registry import EngineChoice, open_engine
from inspector_app.engines.selfcheck import read_self_check, run_self_check

CARD = "MODEL_CARD.md"
EXTRAS = (SELFCHECK, CARD, OPTIMISATION_REPORT, TRAINING_REPORT)
"""Files that belong to a model besides its manifest and its graph; nothing else is copied."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def add_model(path: Path, name: str | None, installed: Mapping[str, Path], own: Path, replace: bool) -> Model:
    """Copy an ONNX file or a model folder into ``own``, after it has been loaded and run once on the CPU.

    A file without a manifest (a TAO export) gets one from its interface; a model without a self-check gets one from
    what it said.

    Args:
        path: an ONNX file, or a folder with a manifest.
        name: the name of the new folder; by default that of the folder, or of the file without its suffix.
        installed: name to folder of all models that are there already.
        own: the station's ``models`` folder.
        replace: whether one of that name in ``own`` may be replaced.

    Raises:
        KeeperError: ``model_exists``, ``model_name``, or what is wrong with the model.
    """
    if not path.exists():
        raise KeeperError("model_missing", f"There is no model {path}.")
    chosen = check_name(name or (path.resolve().name if path.is_dir() else path.stem))
    check_free(chosen, installed, own, replace)
    with staged(own, chosen, replace) as staging:
        _copy_model(path, staging, chosen)
        model = load_model(staging)
        check_not_known(path, model, installed)
        finish_model(model, EngineChoice.CPU)
    return load_model(own / chosen)


def finish_model(model: Model, choice: EngineChoice, threads: int = 0) -> None:
    """Run ``model`` once on an engine, against its self-check where it has one; else write one from that engine.

    Raises:
        KeeperError: when it does not run, or gives what cannot be or other results than are stored.
    """
    stored = read_self_check(model)
    engine: ChangeEngine = open_engine(model, choice, threads)
    try:
        said = run_self_check(engine)
    finally:
        engine.close()
    if stored is None:
        write_self_check(model.selfcheck, said)


def check_name(name: str) -> str:
    """``name`` itself, if it can be a folder's name everywhere.

    Raises:
        KeeperError: ``model_name``.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise KeeperError(
            "model_name",
            f"“{name}” cannot be a model's name.",
            "Give another with --name: letters, digits, dot, hyphen and underscore, at most 80.",
        )
    return name


def check_free(name: str, installed: Mapping[str, Path], own: Path, replace: bool) -> None:
    """Whether a model may be put at ``name``.

    Raises:
        KeeperError: ``model_exists`` when one is there that is not to be, or cannot be, replaced.
    """
    taken = installed.get(name)
    if taken is not None and taken.resolve() != (own / name).resolve():
        raise KeeperError(
            "model_exists",
            f"The model {name} in {taken} would hide this one.",
            "Give another name with --name.",
        )
    if not replace and (own / name).exists():
        raise KeeperError(
            "model_exists", f"There is a model {name} already.", "Give another --name, or --replace it."
        )


@contextlib.contextmanager
def staged(own: Path, name: str, replace: bool) -> Iterator[Path]:
    """A new folder beside its place, which takes the place of ``own / name`` when the block ends well.

    Raises:
        KeeperError: when it cannot be written, or somebody else put a model there meanwhile.
    """
    ensure_folder(own)
    staging = own / f".{uuid.uuid4().hex}.new"
    try:
        try:
            staging.mkdir()
            yield staging
            _move_in(staging, own / name, replace)
        except OSError as error:
            raise write_fault(error, own / name) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move_in(staging: Path, target: Path, replace: bool) -> None:
    """Two renames: what stood there is moved aside, and back again should the second one fail."""
    aside = staging.with_suffix(".old")
    if target.exists() or target.is_symlink():
        if not replace:
            raise KeeperError("model_exists", f"There is a model {target.name} already.")
        os.rename(target, aside)
    try:
        os.rename(staging, target)
    except OSError:
        if aside.exists():
            os.rename(aside, target)
        raise
    sync_folder(target.parent)
    if aside.is_symlink():
        aside.unlink()
    else:
        shutil.rmtree(aside, ignore_errors=True)


def write_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Write ``manifest.json``.

    Raises:
        KeeperError: when it cannot be written.
    """
    atomic_write(folder / MANIFEST, (manifest.model_dump_json(indent=2) + "\n").encode())


class ModelKnownError(KeeperError):
    """A model's file came without its manifest."""


def check_not_known(path: Path, model: Model, installed: Mapping[str, Path]) -> None:
    """A file that lost its manifest must not be taken for another kind of network under a name of its own.

    Raises:
        ModelKnownError: it is the file of an installed model.
    """
    if model.manifest.description != UNDESCRIBED:
        return
    for name, folder in installed.items():
        known = None
        with contextlib.suppress(KeeperError):
            known = read_manifest(folder / MANIFEST)
        if known and known.description != UNDESCRIBED and known.sha256 == model.manifest.sha256:
            raise ModelKnownError(
                "model_known",
                f"{path.name} is the file of the installed model {name}; without its manifest it would be judged by "
                "other settings.",
                f"Use {name}, or add the folder that its manifest lies in.",
            )


def _copy_model(path: Path, staging: Path, chosen: str) -> None:
    folder = path if path.is_dir() else path.parent
    described = (folder / MANIFEST).is_file()
    manifest = read_manifest(folder / MANIFEST) if described else None
    if manifest is not None and (path.is_dir() or manifest.file == path.name):
        check_inside(folder / manifest.file, manifest.file)
        copy_file(folder / manifest.file, staging / manifest.file)
        for name in EXTRAS:
            if (folder / name).is_file():
                check_inside(folder / name, name)
                copy_file(folder / name, staging / name)
        # Records bear the manifest's name: it is the one that the station knows the model by.
        write_manifest(staging, manifest.model_copy(update={"name": chosen}))
    elif path.is_dir():
        raise KeeperError("model_missing", f"There is no {MANIFEST} in {path}.")
    else:
        copy_file(path, staging / path.name)
        # It is read from the copy: what is described is what will be loaded.
        described_now = load_model(staging / path.name).manifest
        write_manifest(staging, described_now.model_copy(update={"name": chosen}))


def copy_file(source: Path, target: Path) -> None:
    """Copy a plain file of bounded size.

    Raises:
        KeeperError: ``model_missing``, ``model_unreadable``, or when it cannot be written.
    """
    if not source.is_file():
        raise KeeperError("model_missing", f"There is no file {source}.")
    try:
        with source.open("rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST_MODEL:
                raise KeeperError(
                    "model_damaged", f"{source} is larger than 2 GB, which no ONNX file can be."
                )
            data = file.read()
    except OSError as error:
        raise KeeperError("model_unreadable", f"{source} cannot be read: {error}.") from error
    atomic_write(target, data)
