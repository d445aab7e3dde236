"""From a checkpoint to a model folder: limits from training pairs, scores on validation pairs, export."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inspector_app.changenet.averaging import halfway
from inspector_app.changenet.evaluate import SplitScores, predict_exchanged, predict_split, score
from inspector_app.changenet.export import ExportResult, ModelStatement, export_model, load_checkpoint
from inspector_app.changenet.judgement import suggest_judgement
from inspector_app.changenet.lite import ChangeNetLite
from inspector_app.changenet.pair_folder import PairFolder
from inspector_app.changenet.start import StartMissingError, mean_network, weights_of
from inspector_app.core.manifest import InputSpec


@dataclass(frozen=True)
class Release:
    """What was exported, and the scores that went into its manifest (None without validation pairs)."""

    export: ExportResult
    scores: SplitScores | None


def export_onnx(
    checkpoint: Path,
    out: Path,
    statement: ModelStatement,
    data: Path | None = None,
    exchange_goldens: bool = False,
    train_list: str = "train",
    val_list: str = "val",
    average_with: Sequence[Path] = (),
) -> Release:
    """Export the averaged network of ``checkpoint`` into the folder ``out``.

    With ``average_with``, the one exported model that the training began from, what is exported lies halfway between the two;
    with checkpoints of trainings before it, it is the mean of all (:func:`~inspector_app.changenet.start.mean_network`).

    Where the ``statement`` suggests to look at mirrored pairs too, limits and scores are those of two looks.

    With ``data`` (a folder of pairs) the decision limits are chosen on its list ``train_list`` and the scores
    measured on ``val_list``; without it the limits and scores of ``statement`` stand.
    ``exchange_goldens`` (pairs of one object) chooses the limits from every training image against every
    golden: a network knows its training pairs too well for one pair an image to show how good parts vary.
    Raises KeeperError (a list is not there), PairFolderError, OneSidedPairsError (the choice needs good and
    defective pairs), ExportMismatchError, ForeignCheckpointError, StartMissingError and NotOurNetworkError (``average_with``).
    """
    if data is not None:
        # Better told before minutes of judging than after them.
        for split in (train_list, val_list):
            PairFolder(data).names(split)
    network = _network(checkpoint, [weights_of(other) for other in average_with], data, train_list)
    scores = None
    if data is not None:
        folder = PairFolder(data)
        spec = InputSpec(height=statement.size, width=statement.size, dynamic=True)
        predict = predict_exchanged if exchange_goldens else predict_split
        mirrored = statement.judgement.mirrored
        seen = predict(network, folder, train_list, spec, mirrored)
        judgement = suggest_judgement([p.probability for p in seen], [p.defective for p in seen])
        judgement = judgement.model_copy(update={"mirrored": mirrored})
        scores = score(predict_split(network, folder, val_list, spec, mirrored), judgement)
        statement = dataclasses.replace(statement, judgement=judgement, scores=scores.as_dict())
    return Release(export_model(network, out, statement), scores)


def _network(checkpoint: Path, others: Sequence[Path], data: Path | None, train_list: str) -> ChangeNetLite:
    exported = [other for other in others if other.suffix == ".onnx"]
    if not others:
        return load_checkpoint(checkpoint)
    if not exported:
        return mean_network([checkpoint, *others], data, train_list)
    if len(others) > 1:
        raise StartMissingError(
            "start_mixed",
            "A checkpoint is averaged with one exported model, or with checkpoints.",
            "Name one model, or checkpoints alone.",
        )
    return halfway(load_checkpoint(checkpoint), exported[0])
