from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.reference_loop import ReferenceLoop, main
from tests.onnx_models import difference_model
from tests.pictures import mask_of, plain, spoiled, write

BOX = (8, 12, 20, 16)


def test_masks_mark_what_differs(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = write(tmp_path / "golden.png", plain())
    write(tmp_path / "in" / "a.png", spoiled([BOX]))
    write(tmp_path / "in" / "b.png", plain())
    write(tmp_path / "in" / "c.png", plain())
    given = (
        "--model",
        tiny_model,
        "--golden",
        golden,
        "--folder",
        tmp_path / "in",
        "--masks",
        tmp_path / "out",
    )
    main([*map(str, given), "--limit", "2", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["images"] == 2
    assert report["side"] == 64
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), mask_of([BOX]))
    assert not np.asarray(Image.open(tmp_path / "out" / "b.png")).any()


def test_a_graph_with_a_fixed_batch_is_fed_full_batches(tmp_path: Path) -> None:
    loop = ReferenceLoop(difference_model(tmp_path / "two.onnx", side=64, batch=2))
    golden = write(tmp_path / "golden.png", plain())
    tests = [write(tmp_path / f"{i}.png", spoiled([BOX]) if i == 2 else plain()) for i in range(3)]
    (tmp_path / "out").mkdir()
    assert len(loop.run(golden, tests, tmp_path / "out")) == 3
    marked = [np.asarray(Image.open(tmp_path / "out" / f"{i}.png")).any() for i in range(3)]
    assert marked == [False, False, True]


def test_an_empty_folder_is_told(tmp_path: Path, tiny_model: Path) -> None:
    given = ("--model", tiny_model, "--golden", tmp_path / "g.png", "--folder", tmp_path)
    with pytest.raises(SystemExit):
        main([*map(str, given)])
