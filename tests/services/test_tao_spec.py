"""TAO's spec: references, overrides, defaults, and every kind of wrong key by its full name."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector_app.core.tao_spec.experiment import Experiment, Task
from inspector_app.core.tao_spec.keys import idle_keys, key_rows
from inspector_app.services.tao_spec import SpecError, read_spec

# The spec of TAO's documentation, in its own words; a reference, null and ??? as they stand in it.
DOCUMENTED = """
encryption_key: tlt_encode
task: segment
train:
  pretrained_model_path: null
  resume_training_checkpoint_path: null
  segment:
    loss: "ce"
    weights: [0.5, 0.5, 0.5, 0.8, 1.0]
  num_epochs: 30
  num_nodes: 1
  val_interval: 5
  checkpoint_interval: 1
  optim:
    lr: 2e-4
    optim: "adamw"
    policy: "linear"
    momentum: 0.9
    weight_decay: 0.01
results_dir: out/experiment
model:
  backbone:
    type: "fan_small_12_p4_hybrid"
    pretrained_backbone_path: null
  decode_head:
    in_channels: [128, 256, 384, 384]
    decoder_params: {"embed_dim": 256}
dataset:
  segment:
    dataset: "CNDataset"
    root_dir: /data/transistor
    data_name: "LEVIR"
    label_transform: "norm"
    batch_size: 16
    workers: 2
    multi_scale_train: True
    multi_scale_infer: False
    num_classes: 2
    img_size: 256
    image_folder_name: "A"
    change_image_folder_name: 'B'
    list_folder_name: 'list'
    annotation_folder_name: "label"
    train_split: "train"
    validation_split: "val"
    test_split: "test"
    predict_split: 'predict'
    label_suffix: .png
    augmentation:
      random_flip: {vflip_probability: 0.5, hflip_probability: 0.5, enable: True}
      random_rotate: {rotate_probability: 0.5, angle_list: [90, 180, 270], enable: True}
      random_color: {brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.3, enable: True}
      with_scale_random_crop: {enable: True}
      with_random_crop: True
      with_random_blur: True
evaluate:
  checkpoint: ${results_dir}/train/changenet.pth
  vis_after_n_batches: 10
inference:
  checkpoint: ${evaluate.checkpoint}
  vis_after_n_batches: 1
export:
  gpu_id: 0
  checkpoint: "???"
  onnx_file: ${results_dir}/export/changenet.onnx
  input_width: 256
  input_height: 256
gen_trt_engine:
  onnx_file: ${export.onnx_file}
  tensorrt: {data_type: fp16, workspace_size: 1024, max_batch_size: 8}
"""
SHORT = "dataset: {segment: {root_dir: d}}\n"


def spec(tmp_path: Path, text: str, *overrides: str, task: Task = Task.TRAIN) -> Experiment:
    path = tmp_path / "experiment.yaml"
    path.write_text(text, encoding="utf-8")
    return read_spec(path, overrides, task)


def refused(tmp_path: Path, text: str, *overrides: str, task: Task = Task.TRAIN) -> SpecError:
    with pytest.raises(SpecError) as caught:
        spec(tmp_path, text, *overrides, task=task)
    return caught.value


@pytest.mark.parametrize("task", [Task.TRAIN, Task.EVALUATE, Task.INFERENCE])
def test_the_documented_spec_is_read_and_its_references_followed(tmp_path: Path, task: Task) -> None:
    experiment = spec(tmp_path, DOCUMENTED, task=task)
    assert experiment.inference.checkpoint == "out/experiment/train/changenet.pth"
    assert (experiment.train.optim.lr, experiment.train.validate_every) == (2e-4, 5)
    assert experiment.folder(Task.TRAIN) == Path("out/experiment/train")
    assert experiment.input_spec.resize == "bicubic_antialias"


def test_the_documented_spec_lacks_only_what_it_leaves_open(tmp_path: Path) -> None:
    assert refused(tmp_path, DOCUMENTED, task=Task.EXPORT).message.endswith(
        "wrong: export.checkpoint: is missing."
    )
    experiment = spec(tmp_path, DOCUMENTED, "export.checkpoint=a b.pth", task=Task.EXPORT)
    assert experiment.export.checkpoint == "a b.pth"


def test_an_empty_spec_has_taos_defaults(tmp_path: Path) -> None:
    experiment = spec(tmp_path, SHORT)
    assert experiment.train.segment.weights == (0.5, 0.5, 0.5, 0.8, 1.0)
    assert experiment.dataset.segment.multi_scale_train
    assert (experiment.train.seed, experiment.train.num_epochs, experiment.export.opset_version) == (
        1234,
        10,
        17,
    )
    assert experiment.notes(Task.TRAIN) == ()


def test_a_reference_finds_a_default_that_was_not_given(tmp_path: Path) -> None:
    experiment = spec(tmp_path, SHORT + "train: {results_dir: '${results_dir}/${train.seed}'}\n")
    assert experiment.train.results_dir == "results/1234"


def test_overrides_win_and_take_lists_and_yaml_words(tmp_path: Path) -> None:
    experiment = spec(
        tmp_path,
        DOCUMENTED,
        "train.segment.weights=[1,1,1,1,2]",
        "+dataset.segment.shuffle=false",
        "train.optim.optim=sgd",
        "dataset.segment.root_dir=/data/with = sign",
        "dataset.segment.label_transform=null",
    )
    assert experiment.train.segment.weights == (1, 1, 1, 1, 2)
    assert not experiment.dataset.segment.shuffle
    assert experiment.train.optim.optim == "sgd"
    assert experiment.dataset.segment.root_dir == "/data/with = sign"
    assert experiment.dataset.segment.label_transform == "None"


def test_every_wrong_key_is_named_in_one_message(tmp_path: Path) -> None:
    text = """
train: {num_epoch: 3, optim: {policy: cosine}, results_dir: "${nowhere}/x"}
model: {backbone: {typ: x, type: vit_large_nvdinov2, feat_downsample: true}, decode_head: {align_corners: true}}
dataset:
  segment: {img_size: 250, augmentation: {random_flip: {hflip_probability: 2}, with_scale_random_crop: {scale_range: [2, 1]}, std: [0, 1, 1]}}
evaluate: {batch_size: 0}
"""
    message = refused(tmp_path, text, "evaluation.checkpoint=x", task=Task.EVALUATE).message
    for part in (
        'train.num_epoch: unknown key (did you mean "num_epochs"?)',
        "train.optim.policy: must be",
        "train.results_dir: Interpolation key 'nowhere' not found",
        "model.backbone.typ: unknown key",
        "model.backbone.type: there is no backbone 'vit_large_nvdinov2'",
        "model.backbone.feat_downsample: is not supported",
        "model.decode_head: align_corners must be False",
        "dataset.segment.img_size: must be a multiple of 16, not 250",
        "dataset.segment.augmentation.random_flip.hflip_probability: must be",
        "dataset.segment.augmentation.with_scale_random_crop.scale_range: must rise",
        "dataset.segment.augmentation.std: must be above 0",
        "evaluate.batch_size: must be -1 or at least 1",
        'evaluation: unknown key (did you mean "evaluate"?)',
        "dataset.segment.root_dir: is missing",
        "evaluate.checkpoint: is missing",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("task: classify\n", "out of scope"),
        ("task: detect\n", "must be segment"),
        ("train: {val_interval: 1, validation_interval: 2}\n", "one setting"),
        ("train: {num_gpus: 2, gpu_ids: [0]}\n", "gpu_ids names 1 GPUs, num_gpus says 2"),
        ("train: {segment: {weights: [1, 1]}}\n", "train.segment.weights"),
        ("train: {segment: {weights: [0, 0, 0, 0, 0]}}\n", "nor all zero"),
        ("export: {opset_version: 12}\n", "export.opset_version: must be greater than or equal to 17"),
        ("export: {batch_size: 0}\n", "export.batch_size"),
        (
            "model: {decode_head: {feature_strides: [2, 4, 8, 16]}}\n",
            "feature_strides must be [4, 8, 16, 16]",
        ),
    ],
)
def test_what_is_not_supported_is_said_to_be(tmp_path: Path, text: str, part: str) -> None:
    assert part in refused(tmp_path, SHORT + text).message


@pytest.mark.parametrize(
    ("text", "code"),
    [("a: [1\n", "spec_unreadable"), ("- 1\n", "spec_unreadable"), ("a: 1\na: 2\n", "spec_unreadable")],
)
def test_what_is_no_spec_is_refused(tmp_path: Path, text: str, code: str) -> None:
    assert refused(tmp_path, text).code == code


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="There is no spec") as caught:
        read_spec(tmp_path / "none.yaml", (), Task.TRAIN)
    assert caught.value.code == "spec_missing"


@pytest.mark.parametrize("override", ["train.num_epochs", "=3", "train.optim.lr=[1"])
def test_an_override_that_is_none_is_told(tmp_path: Path, override: str) -> None:
    assert override in refused(tmp_path, SHORT, override).message


def test_keys_without_effect_are_told_where_they_concern_the_task(tmp_path: Path) -> None:
    text = DOCUMENTED + "wandb: {enable: true}\n"
    experiment = spec(tmp_path, text, "train.optim.momentum=0.8", "train.tensorboard.enabled=True")
    assert {note.path for note in experiment.notes(Task.TRAIN)} == {
        "encryption_key",
        "train.optim.momentum",
        "train.tensorboard.enabled",
        "wandb",
    }
    assert {note.path for note in experiment.notes(Task.EVALUATE)} == {
        "encryption_key",
        "evaluate.vis_after_n_batches",
        "wandb",
    }
    exported = {note.path for note in experiment.notes(Task.EXPORT)}
    assert {"gen_trt_engine.onnx_file", "gen_trt_engine.tensorrt.data_type"} <= exported


def test_weights_without_multi_scale_training_have_no_effect(tmp_path: Path) -> None:
    experiment = spec(
        tmp_path, SHORT, "dataset.segment.multi_scale_train=False", "train.segment.weights=[1,1,1,1,1]"
    )
    assert [note.path for note in experiment.notes(Task.TRAIN)] == ["train.segment.weights"]


def test_each_key_has_one_meaning() -> None:
    rows = list(key_rows(Experiment))
    assert len({row.path for row in rows}) == len(rows) > 100
    assert all(row.text for row in rows)
    assert list(idle_keys(Experiment())) == []
