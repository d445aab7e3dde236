"""A training by TAO's spec through the command line, with a backbone of the published kind made small."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from changenet_pictures import write_png
from typer.testing import CliRunner, Result

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("lightning", reason="the training extra is not installed")
tqdm = pytest.importorskip("tqdm", reason="the training extra is not installed")

from inspector_app.changenet.tao.feed import SpecFeed  # noqa: E402
from inspector_app.changenet.tao.losses import spec_loss  # noqa: E402
from inspector_app.changenet.tao.module import SpecModule, class_maps  # noqa: E402
from inspector_app.changenet.tao.network import VisualChangeNet  # noqa: E402
from inspector_app.changenet.tao.sizes import FAN_SIZES, FanSize  # noqa: E402
from inspector_app.changenet.tao.spec_training import strategy_of  # noqa: E402
from inspector_app.cli.app import app  # noqa: E402
from inspector_app.core.tao_spec.experiment import Experiment, Task  # noqa: E402
from inspector_app.services.tao_spec import read_spec  # noqa: E402

SMALL = FanSize(width=32, depth=1, heads=4, stem_depths=(1, 1), tapped_block=0)
NAMES = tuple(f"part #{number} a.png" for number in range(5))
LATEST = "changenet_model_segment_latest.pth"
Run = Callable[..., Result]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """One thread: steps as small as these only wait for each other with more. And no monitor of progress bars."""
    threads, interval = torch.get_num_threads(), tqdm.tqdm.monitor_interval
    torch.set_num_threads(1)
    tqdm.tqdm.monitor_interval = 0
    yield
    torch.set_num_threads(threads)
    tqdm.tqdm.monitor_interval = interval


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names stay, the networks get small."""
    monkeypatch.setitem(FAN_SIZES, "fan_tiny_8_p4_hybrid", SMALL)


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """A spec over five pairs: three in ``train`` (batches of 2 and 1), one line in ``val`` and ``predict``."""
    root = tmp_path / "pairs"
    for number, name in enumerate(NAMES):
        golden = np.random.default_rng(number).integers(80, 120, (70, 90, 3), dtype=np.uint8)
        test, mask = golden.copy(), np.zeros((70, 90), np.uint8)
        if number % 2:
            test[20:50, 20:45], mask[20:50, 20:45] = 250, (1 if number == 1 else 255)
        for folder, image in (("A", test), ("B", golden), ("label", mask)):
            write_png(root / folder / name, image)
    (root / "list").mkdir()
    for split, names in (
        ("train", NAMES[:3]),
        ("val", NAMES[3:4]),
        ("test", NAMES),
        ("predict", NAMES[1:2]),
    ):
        (root / "list" / f"{split}.txt").write_text("\n".join(names), encoding="utf-8")
    path = tmp_path / "experiment.yaml"
    path.write_text(
        f"""
task: segment
results_dir: {tmp_path / "results"}
model: {{backbone: {{type: fan_tiny_8_p4_hybrid}}, decode_head: {{decoder_params: {{embed_dim: 16}}}}}}
dataset:
  segment: {{root_dir: {root}, img_size: 32, batch_size: 2, workers: 0}}
train: {{num_epochs: 1, seed: 3}}
evaluate: {{checkpoint: "${{results_dir}}/train/{LATEST}"}}
inference: {{checkpoint: "${{evaluate.checkpoint}}"}}
export: {{checkpoint: "${{evaluate.checkpoint}}", onnx_file: "${{results_dir}}/net.onnx", input_width: 32, input_height: 32, batch_size: 1, opset_version: 18}}
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def run(experiment: Path) -> Run:
    """A command with the spec and overrides."""

    def command(name: str, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [name, "-e", str(experiment), *words], env={"COLUMNS": "200"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return command


def state(folder: Path, name: str = LATEST) -> dict[str, torch.Tensor]:
    return torch.load(folder / name, weights_only=True)["state_dict"]


def moved(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> set[str]:
    assert first.keys() == second.keys()
    return {name for name in first if not torch.allclose(first[name], second[name], atol=1e-6)}


def test_a_spec_is_trained_evaluated_used_and_exported(run: Run, tmp_path: Path) -> None:
    said = run("train")
    assert "1 epochs, 2 steps" in said.output
    assert "val_loss" in said.output
    assert all(name.startswith("model.") for name in state(tmp_path / "results" / "train"))
    assert not list((tmp_path / "results" / "train").glob("*.tmp"))

    by_checkpoint = json.loads(run("evaluate", "--json").stdout)
    assert by_checkpoint["pairs"] == len(NAMES)
    assert set(by_checkpoint["by_class"]) == {"0", "1"}
    counted = by_checkpoint["by_class"]["1"]
    assert counted["tp"] + counted["fp"] + counted["fn"] + counted["tn"] == len(NAMES) * 32 * 32

    assert "1 pair" in run("infer").output
    mask = cv2.imread(str(tmp_path / "results/inference/masks" / NAMES[1]), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (70, 90)
    assert set(np.unique(mask)) <= {0, 255}

    exported = run("export-model", "--fp16")
    assert "net.onnx: off by at most" in exported.output
    assert "net_fp16.onnx: on 1 pair" in exported.output
    onnx = f"evaluate.checkpoint={tmp_path / 'results' / 'net.onnx'}"
    by_graph = json.loads(run("evaluate", "--json", "--engine", "cpu", onnx).stdout)
    told = run("evaluate", "--engine", "cpu", onnx, "dataset.segment.augmentation.mean=[0,0,0]").stderr
    assert (
        "No effect here: dataset.segment.augmentation.mean (the ONNX file is fed with 0.5, 0.5, 0.5)" in told
    )
    assert by_graph["by_class"]["1"] == pytest.approx(counted, abs=3)


def test_the_measures_are_printed_for_all_and_by_class(run: Run) -> None:
    run("train")
    said = run("evaluate").output
    for part in ("5 pairs, pooled at 32 x 32", "precision", "recall", "IoU", "F1", "accuracy", "1, change"):
        assert part in said


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(run: Run, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run("train", "train.num_epochs=2", f"train.results_dir={whole}")
    run(
        "train",
        "train.num_epochs=2",
        f"train.results_dir={parts}",
        f"train.resume_training_checkpoint_path={whole}/changenet_model_segment_epoch_001.pth",
    )
    assert moved(state(whole), state(parts)) == set()
    run("train", "train.num_epochs=3", f"train.results_dir={parts}", "--resume")
    assert moved(state(whole), state(parts))
    assert "nothing_to_resume" in run("train", f"train.results_dir={tmp_path}/no", "--resume", code=2).stderr


def test_checkpoints_and_validations_come_at_their_intervals(run: Run, tmp_path: Path) -> None:
    said = run(
        "train", "train.num_epochs=3", "train.checkpoint_interval=2", "train.validation_interval=2"
    ).output
    assert said.count("val_loss") == 1
    kept = sorted(path.name for path in (tmp_path / "results" / "train").glob("*.pth"))
    assert kept == [
        "changenet_model_segment_epoch_002.pth",
        "changenet_model_segment_epoch_003.pth",
        LATEST,
    ]


def test_a_frozen_backbone_stands_still_and_starts_from_its_weights(run: Run, tmp_path: Path) -> None:
    assert "freeze random weights" in run("train", "model.backbone.freeze_backbone=true", code=2).stderr
    run("train")
    first = state(tmp_path / "results" / "train")
    # A classifier's file: the bare backbone, with a head, without what the features do not need.
    backbone = {
        name.removeprefix("model.backbone."): value
        for name, value in first.items()
        if ".backbone." in name and "cls_" not in name
    }
    torch.save({"state_dict": backbone | {"head.weight": torch.zeros(3)}}, tmp_path / "imagenet.pth")
    said = run(
        "train",
        "model.backbone.freeze_backbone=true",
        f"model.backbone.pretrained_backbone_path={tmp_path / 'imagenet.pth'}",
        f"train.results_dir={tmp_path / 'frozen'}",
        "train.seed=9",
    )
    assert "1 others left" in said.stderr
    changed = moved(first, state(tmp_path / "frozen"))
    assert {name for name in changed if ".backbone." in name and "cls_" not in name} == set()
    assert any(name.startswith("model.decoder.") for name in changed)


def test_a_whole_network_is_started_from(run: Run, tmp_path: Path) -> None:
    run("train")
    first = tmp_path / "results" / "train" / LATEST
    run(
        "train",
        f"train.pretrained_model_path={first}",
        f"train.results_dir={tmp_path / 'tuned'}",
        "train.optim.optim=sgd",
        "train.optim.lr=1e-12",
    )
    changed = moved(state(first.parent), state(tmp_path / "tuned"))
    assert changed
    assert all("running_" in name or "num_batches" in name for name in changed)


def test_another_network_is_not_taken_for_the_specs(run: Run, tmp_path: Path) -> None:
    run("train")
    file = tmp_path / "results" / "train" / LATEST
    said = run("evaluate", "model.backbone.type=fan_small_12_p4_hybrid", code=2).stderr
    assert "holds the backbone fan_tiny_8_p4_hybrid" in said
    assert "tells 2 classes apart" in run("evaluate", "dataset.segment.num_classes=3", code=2).stderr
    wrong = ("train", "model.decode_head.decoder_params.embed_dim=8", f"train.pretrained_model_path={file}")
    assert "checkpoint_mismatch" in run(*wrong, code=2).stderr
    bare = {"cls_token": torch.zeros(1, 1, 32)}
    torch.save(bare, tmp_path / "bare.pth")
    lacking = run("train", f"model.backbone.pretrained_backbone_path={tmp_path / 'bare.pth'}", code=2).stderr
    assert "does not hold this backbone" in lacking


@pytest.mark.parametrize("optim", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize(
    ("policy", "rates"), [("linear", [1, 6 / 7, 5 / 7, 4 / 7]), ("step", [1, 1, 0.1, 0.1])]
)
def test_optimisers_and_policies_are_the_specs(optim: str, policy: str, rates: list[float]) -> None:
    settings = {"optim": optim, "policy": policy, "lr": 0.5, "momentum": 0.8, "weight_decay": 0.03}
    experiment = Experiment.model_validate({"train": {"num_epochs": 6, "optim": settings}})
    module = SpecModule(experiment, VisualChangeNet(SMALL, decoder_width=16))
    configured = module.configure_optimizers()
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    group = optimizer.param_groups[0]
    assert type(optimizer).__name__.lower() == optim
    assert group["weight_decay"] == 0.03
    assert group["momentum"] == 0.8 if optim == "sgd" else group["betas"] == (0.9, 0.999)
    assert all(parameter.requires_grad for parameter in group["params"])
    seen = []
    for _ in rates:
        seen.append(group["lr"] / 0.5)
        optimizer.step()
        scheduler.step()
    assert seen == pytest.approx(rates)


def test_the_loss_weighs_the_five_outputs_and_passes_over_ignored_pixels() -> None:
    label = torch.zeros(1, 4, 4, dtype=torch.int64)
    label[0, :, 2:] = 1
    even = torch.zeros(1, 2, 4, 4)
    coarse = torch.zeros(1, 2, 2, 2)
    outputs = (coarse, coarse, coarse, even, even)
    expected = torch.tensor(2.0).log()
    torch.testing.assert_close(spec_loss(outputs, label, (0.5, 0.5, 0.5, 0.8, 1.0)), 3.3 * expected)
    torch.testing.assert_close(spec_loss(outputs, label, None), expected)
    sure = torch.stack([1 - label[:, ::2, ::2], label[:, ::2, ::2]], 1).float() * 50
    assert spec_loss((sure, sure, sure, even, even), label, (1, 1, 1, 0, 0)).item() < 1e-6
    wrong = even.clone()
    wrong[0, 0, :, 2:] = 50
    label[0, :, 2:] = 255
    assert spec_loss((wrong,), label, None).item() < 1


def test_several_outputs_are_averaged_when_asked_for() -> None:
    final = torch.zeros(1, 2, 4, 4)
    final[:, 0] = 1
    coarse = torch.zeros(1, 2, 2, 2)
    coarse[0, 1, 0, 0] = 9
    assert class_maps((coarse, final), False).sum() == 0
    assert class_maps((coarse, final), True)[0, :2, :2].tolist() == [[1, 1], [1, 1]]


def test_more_than_two_classes_are_trained(run: Run, tmp_path: Path) -> None:
    for name in NAMES:
        mask = np.zeros((70, 90), np.uint8)
        mask[:30], mask[30:40], mask[60:] = 1, 2, 255
        write_png(tmp_path / "pairs" / "label" / name, mask)
    run("train", "dataset.segment.num_classes=3")
    scores = json.loads(run("evaluate", "--json", "dataset.segment.num_classes=3").stdout)
    assert set(scores["by_class"]) == {"0", "1", "2"}


def test_what_does_not_serve_is_told(run: Run, tmp_path: Path) -> None:
    said = run("train", "train.num_epoch=2", "dataset.segment.img_size=100", code=2).stderr
    assert "train.num_epoch: unknown key" in said
    assert "dataset.segment.img_size" in said
    assert "16-mixed needs a GPU" in run("train", "train.precision=16-mixed", code=2).stderr
    assert "pairs_missing" in run("train", "dataset.segment.validation_split=none", code=2).stderr
    assert "no GPU" in run("train", "train.num_gpus=2").stderr
    assert "ONNX files" in run("evaluate", "--engine", "cpu", code=2).stderr
    shifted = run("export-model", "dataset.segment.augmentation.mean=[0,0,0]", code=2).stderr
    assert "says nothing of mean and std" in shifted
    words = CliRunner().invoke(app, ["train"])
    assert words.exit_code == 2


def test_several_gpus_share_the_pairs_out(experiment: Path) -> None:
    spec = read_spec(experiment, ["train.num_gpus=2", "dataset.segment.validation_split=test"], Task.TRAIN)
    seen: dict[str, list[int]] = {"train": [], "val": []}
    for rank in range(2):
        feed = SpecFeed(spec, 3)
        feed.trainer = SimpleNamespace(global_rank=rank, world_size=2, current_epoch=0)
        seen["train"].append(sum(len(batch[0]) for batch in feed.train_dataloader()))
        seen["val"].append(sum(len(batch[0]) for batch in feed.val_dataloader()))
    assert seen == {"train": [2, 2], "val": [3, 2]}
    assert strategy_of(spec, 1) == "auto"
    assert strategy_of(spec, 2) == "ddp"
    final = read_spec(experiment, ["dataset.segment.multi_scale_train=false"], Task.TRAIN)
    assert "unused_parameters" in strategy_of(final, 2)
