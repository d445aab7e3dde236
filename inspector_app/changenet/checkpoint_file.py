"""Read a file that PyTorch wrote; no pickled code is ever run."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from inspector_app.core.errors import KeeperError


class CheckpointError(KeeperError):
    """A checkpoint that is not there, cannot be read, or holds another network.

    Codes: ``checkpoint_missing``, ``checkpoint_unreadable``, ``checkpoint_unsafe``, ``checkpoint_unknown``,
    ``checkpoint_mismatch``.
    """


def read_checkpoint(path: Path, where: str = "cpu") -> object:
    """What a checkpoint holds, its tensors on the device ``where`` (on ``meta`` without values).

    Raises:
        CheckpointError: it is not there, or cannot be read without running what is in it.
    """
    try:
        return torch.load(path, map_location=where, weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError("checkpoint_missing", f"There is no checkpoint {path}.") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            "checkpoint_unsafe",
            f"{path.name} is no checkpoint, or holds more than weights: {_reason(error)}.",
            "Save it again with nothing but its state_dict.",
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, LookupError) as error:
        raise CheckpointError(
            "checkpoint_unreadable", f"{path.name} cannot be read as a checkpoint: {_reason(error)}."
        ) from error


def _reason(error: Exception) -> str:
    """Pick the line that says what was refused; the framework wraps it in advice to read it unsafely."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Unsupported" in line or "GLOBAL" in line]
    said = (telling or lines or [""])[0][:200].rstrip(".")
    # Of a file that is no checkpoint at all the reader sometimes says a bare number.
    return said if any(letter.isalpha() for letter in said) else "it is no file that PyTorch wrote"
