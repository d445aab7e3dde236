"""Whether a file holds a training that can go on."""

from __future__ import annotations

from pathlib import Path

from inspector_app.changenet.checkpoint_file import CheckpointError, read_checkpoint
from inspector_app.core.errors import KeeperError

_NEEDED = {"state_dict", "optimizer_states", "lr_schedulers", "loops", "epoch", "global_step"}
"""What Lightning's trainer reads back beside the weights."""


class NothingToResumeError(KeeperError):
    """There is no checkpoint to go on from, or it is none of a training."""


def check_resumable(checkpoint: Path) -> None:
    """See that a checkpoint can be resumed, before Lightning meets it.

    Raises:
        NothingToResumeError: it is not there, or holds no training (weights alone, or no checkpoint at all).
    """
    if not checkpoint.is_file():
        raise NothingToResumeError(
            "nothing_to_resume", f"There is no checkpoint {checkpoint} to resume from."
        )
    try:
        saved = read_checkpoint(checkpoint, "meta")
    except CheckpointError as error:
        raise NothingToResumeError(
            "nothing_to_resume", f"{checkpoint} cannot be read as a checkpoint.", "Start without resuming."
        ) from error
    if not isinstance(saved, dict) or not saved.keys() >= _NEEDED:
        raise NothingToResumeError(
            "nothing_to_resume",
            f"{checkpoint} holds weights, but no training that could go on.",
            "Start a new training from them instead.",
        )
