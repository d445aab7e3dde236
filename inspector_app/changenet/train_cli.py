"""``python -m inspector_app.changenet.train_cli``: train from the command line without the app's CLI."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from inspector_app.changenet.callbacks import TrainProgress
from inspector_app.changenet.config import TrainConfig
from inspector_app.changenet.train import run_training


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, train, print where the checkpoint is; returns the exit code."""
    options = _parser().parse_args(arguments)
    given = {name: value for name, value in vars(options).items() if value is not None}
    result = run_training(TrainConfig.model_validate(given), _print)
    rate = result.pairs / max(result.seconds, 1e-9)
    sys.stdout.write(
        f"{result.checkpoint}: {result.steps} steps, {result.seconds:.0f} s, {rate:.1f} pairs/s in this run\n"
    )
    return 0


def _print(progress: TrainProgress) -> None:
    sys.stdout.write(
        f"step {progress.step}/{progress.steps} loss {progress.loss:.4f} "
        f"{progress.pairs_per_s:.1f} pairs/s {progress.seconds_left / 60:.0f} min left\n"
    )
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_cli", description="Train a change network.")
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument(
        "--data", type=Path, help="folder with A/ B/ label/ list/; without it pairs are rendered"
    )
    parser.add_argument("--split", dest="train_list", help="which list to train on (default: train)")
    parser.add_argument("--mode", choices=("object", "generic"), help="one object (default) or many")
    parser.add_argument(
        "--families", type=lambda text: tuple(text.split(",")), help="families to render: a,b,c"
    )
    parser.add_argument("--out-dir", type=Path, help="folder for checkpoints and log")
    parser.add_argument(
        "--start-from", type=Path, help="checkpoint to start from instead of ImageNet weights"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    for name in (
        "steps",
        "epoch-steps",
        "batch",
        "size",
        "warm-size",
        "cache-size",
        "threads",
        "workers",
        "seed",
    ):
        parser.add_argument(f"--{name}", type=int)
    for name in ("lr", "encoder-lr", "warm-share"):
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
