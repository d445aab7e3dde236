"""``inspector-app train``, ``export-model`` and ``dataset``: make a model of one's own (extra ``train``)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from inspector_app.cli.console import DataDir, known_errors, out
from inspector_app.cli.options import given_options
from inspector_app.cli.recipe import AuthorOption, NoteOption
from inspector_app.cli.spec import (
    SpecOption,
    check_spec_alone,
    export_by_spec,
    one_word,
    train_by_spec,
)
from inspector_app.cli.train_recipe import TuneWish, train_recipe
from inspector_app.cli.training_bar import train_with_bar
from inspector_app.cli.training_errors import training_errors
from inspector_app.core.errors import KeeperError
from inspector_app.services.datasets import convert_mvtec
from inspector_app.settings.data_dir import data_dir as choose_data_dir

if TYPE_CHECKING:
    from inspector_app.changenet.config import TrainConfig

T = TypeVar("T")
dataset_app = typer.Typer(help="Convert data sets into the layout that training reads.", no_args_is_help=True)


@dataset_app.callback()
def _dataset() -> None:
    """Convert data sets into the layout that training reads."""


@dataset_app.command("mvtec")
def mvtec(
    src: Annotated[Path, typer.Argument(help="A class folder of MVTec AD (train, test, ground_truth).")],
    dst: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write A, B, label and list.")],
    seed: Annotated[int, typer.Option(help="Decides the split and the pairing.")] = 0,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Write the lists of a cross-validation too, foldN_train and foldN_val."),
    ] = None,
) -> None:
    """Convert MVTec AD's layout into TAO's, with a stratified 70/30 split."""
    with known_errors(), training_errors():
        summary = convert_mvtec(src, dst, seed=seed, folds=folds or 0)
        out().print(f"{summary.pairs} pairs in {summary.out}", markup=False)
        out().print(f"train: {dict(summary.train)}\nval: {dict(summary.val)}", markup=False)
        for number, fold in enumerate(summary.folds):
            out().print(f"fold{number}_val: {dict(fold)}", markup=False)


def train(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="The model's name; with -e: KEY=VALUE overrides."),
    ] = None,
    spec: SpecOption = None,
    data: Annotated[
        Path | None, typer.Option(help="Pairs in TAO's layout; none: pairs are rendered.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which list to train on: list/SPLIT.txt.")] = "train",
    mode: Annotated[str, typer.Option(help="object: one part; generic: many.")] = "object",
    out_dir: Annotated[Path | None, typer.Option(help="Checkpoints (default: in the data folder).")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps in all.")] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="Pairs a step.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the training images.")] = None,
    warm_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the steps on smaller images, for speed.")
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            help="Learning rate, the encoder's a quarter of it (default: 0.002); less to go on gently."
        ),
    ] = None,
    missed_weight: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="What a missed pixel of a defect counts, a false one the rest to 1 (default: 0.7); 0.5 once all are found.",
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that prepare pairs.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights and order.")] = None,
    families: Annotated[str, typer.Option(help="Part families to render, with commas; none: all.")] = "",
    start_from: Annotated[
        Path | None,
        typer.Option(help="A checkpoint or a model to start from, instead of ImageNet's weights."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    recipe: Annotated[
        str, typer.Option(help="Fine-tune this recipe's model on the station's own records.")
    ] = "",
    truth: Annotated[
        Path | None, typer.Option(help="With --recipe: corrected masks, laid out as for score --truth.")
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="With --recipe: make its next revision if the model is no worse.")
    ] = False,
    author: AuthorOption = None,
    note: NoteOption = "",
    data_dir: DataDir = None,
) -> None:
    """Train changenet-lite; with --recipe on a station's records, with -e what a spec file of TAO says."""
    if recipe:
        given = {"steps": steps, "batch": batch, "size": size, "seed": seed}
        others = (
            words,
            spec,
            data,
            families,
            warm_share,
            lr is not None,
            missed_weight is not None,
            split != "train",
            mode != "object",
        )
        machine = {"threads": threads, "workers": workers}
        wish = TuneWish(
            recipe, truth, start_from, out_dir, present(given), present(machine), resume, adopt, author or "", note
        )  # fmt: skip
        train_recipe(wish, data_dir, mixed=any(one not in (None, "", False) for one in others))
        return
    if spec is not None:
        with known_errors():
            check_spec_alone(context, "resume")
        train_by_spec(spec, words, resume)
        return
    with known_errors():
        if truth is not None or adopt or author or note:
            raise KeeperError("usage", "--truth, --adopt, --author and --note belong to --recipe.")
        (name,) = one_word(words, "the model's NAME")
    options = {
        "data": data, "out_dir": out_dir or choose_data_dir(data_dir, os.environ) / "training" / name, "steps": steps, "batch": batch, "size": size,
        "threads": threads, "workers": workers, "seed": seed, "start_from": start_from, "warm_share": warm_share,
        "families": tuple(families.split(",")) if families else None, "train_list": split,
        "lr": lr, "encoder_lr": None if lr is None else lr / 4, "missed_weight": missed_weight,
    }  # fmt: skip
    with known_errors(), training_errors():
        from inspector_app.changenet.config import TrainConfig

        config = TrainConfig.model_validate(
            {"name": name, "mode": mode, "resume": resume, **present(options)}
        )
        _run(config)


def present(options: Mapping[str, T | None]) -> dict[str, T]:
    """Those that were given."""
    return {key: value for key, value in options.items() if value is not None}


def _run(config: TrainConfig) -> None:
    result = train_with_bar(config)
    rate = result.pairs / max(result.seconds, 1e-9)
    out().print(f"{result.steps} steps, {rate:.1f} pairs/s; checkpoint {result.checkpoint}", markup=False)


def export_model(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CHECKPOINT OUT",
            help="A checkpoint of `train`, and the model's folder; with -e: KEY=VALUE overrides.",
        ),
    ] = None,
    spec: SpecOption = None,
    fp16: Annotated[
        bool, typer.Option("--fp16", help="With -e: also write an FP16 copy of the ONNX file.")
    ] = False,
    name: Annotated[str, typer.Option(help="The model's name; needed without -e.")] = "",
    model_version: Annotated[str, typer.Option(help="Which version of that name.")] = "1",
    description: Annotated[str, typer.Option(help="One line for people.")] = "",
    training_data: Annotated[str, typer.Option(help="What it was trained on.")] = "",
    licence: Annotated[str, typer.Option(help="Under which licence the weights are.")] = "",
    size: Annotated[int, typer.Option(help="Side at which images are judged.")] = 256,
    threshold: Annotated[float, typer.Option(help="The suggested threshold.")] = 0.5,
    min_area: Annotated[
        int, typer.Option(min=1, help="The suggested least area, on the network's grid.")
    ] = 1,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Suggest to look at each pair a second time, mirrored.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Choose the limits on its train list, and score its val list.")
    ] = None,
    train_list: Annotated[str, typer.Option(help="The list that the limits are chosen on.")] = "train",
    val_list: Annotated[str, typer.Option(help="The list that is scored.")] = "val",
    exchange_goldens: Annotated[
        bool, typer.Option("--exchange-goldens", help="One object: choose limits against every golden.")
    ] = False,
    average_with: Annotated[
        list[Path] | None,
        typer.Option(
            help="A model (folder or ONNX file) that it was trained on from: write what lies halfway. Or checkpoints"
            " of trainings before it (once each): write the mean of all, BatchNorm taken anew over training pairs."
        ),
    ] = None,
) -> None:
    """Write ONNX, manifest and self-check, proved against the network in evaluation mode.

    With -e: the ONNX file that a spec file of TAO describes, proved in the same way.
    """
    if spec is not None:
        with known_errors():
            check_spec_alone(context, "fp16")
        export_by_spec(spec, words, fp16)
        return
    with known_errors(), training_errors():
        checkpoint, dst = map(Path, one_word(words, "CHECKPOINT and OUT", 2))
        if not name or fp16:
            raise KeeperError("usage", "Without -e this needs --name, and --fp16 is for -e.")
        limits = given_options(context, ("threshold", "min_area"))
        if data is not None and limits:
            raise KeeperError(
                "usage", f"--data chooses the limits; leave {' and '.join(limits)} out, or --data."
            )
        chosen_on = given_options(context, ("train_list", "val_list", "exchange_goldens"))
        if data is None and chosen_on:
            raise KeeperError("usage", f"{', '.join(chosen_on)}: for --data.")
        if not checkpoint.is_file():
            raise KeeperError("checkpoint_missing", f"There is no checkpoint {checkpoint}.")
        from inspector_app.changenet.export import ModelStatement
        from inspector_app.changenet.release import export_onnx
        from inspector_app.core.manifest import Judgement

        judgement = Judgement(threshold=threshold, min_area_px=min_area, mirrored=mirrored)
        statement = ModelStatement(
            name=name,
            version=model_version,
            description=description,
            training_data=training_data,
            licence=licence,
            judgement=judgement,
            size=size,
        )
        result = export_onnx(
            checkpoint, dst, statement, data, exchange_goldens, train_list, val_list, average_with or ()
        ).export
        out().print(
            f"{result.folder / result.manifest.file}: off by at most {result.max_abs_diff:.1e}", markup=False
        )
