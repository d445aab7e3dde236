"""A training with a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector_app.cli.progress import progress_bar

if TYPE_CHECKING:
    from inspector_app.changenet.callbacks import TrainProgress
    from inspector_app.changenet.config import TrainConfig
    from inspector_app.changenet.train import TrainResult


def train_with_bar(config: TrainConfig) -> TrainResult:
    """Train by ``config``; raises what ``run_training`` raises."""
    from inspector_app.changenet.train import run_training

    with progress_bar() as bar:
        task = bar.add_task("training", total=config.steps)

        def on_progress(progress: TrainProgress) -> None:
            bar.update(task, completed=progress.step, description=f"loss {progress.loss:.4f}")

        return run_training(config, on_progress)
