"""The reference loop: golden and test pairs through an ONNX change network, as a plain Python script does it.

Each pair is decoded with Pillow, converted to RGB, resized, normalised, run through the whole graph with all its
outputs in a default onnxruntime session on the CPU, reduced by argmax, and its mask written as PNG. Nothing is kept
from one pair to the next but the session. It uses nothing of this program on purpose.

    python -m benchmarks.reference_loop --model FILE.onnx --golden GOLDEN.png --folder FOLDER --masks OUT
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
OUTPUT = "output_final"
DEFAULT_SIDE = 256
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class ReferenceLoop:
    """A loaded network and how images are brought to it."""

    def __init__(self, model: Path, side: int = 0, resize: str = "bicubic") -> None:
        """``side`` is the network's height and width in pixels; 0 takes the graph's own, or 256 where it is free."""
        self.session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        test, golden = self.session.get_inputs()
        self.test_name, self.golden_name = test.name, golden.name
        self.batch = test.shape[0] if isinstance(test.shape[0], int) else 1
        fixed = test.shape[2] if isinstance(test.shape[2], int) else DEFAULT_SIDE
        self.side = side or fixed
        self.resampling = RESAMPLING[resize]
        names = [output.name for output in self.session.get_outputs()]
        self.output = names.index(OUTPUT) if OUTPUT in names else len(names) - 1

    def run(self, golden: Path, tests: Sequence[Path], masks: Path) -> list[float]:
        """Judge every test image against ``golden`` and write its mask (0 or 255) into ``masks``.

        Returns:
            Seconds of each pair. A graph with a fixed batch is fed as many pairs at once.
        """
        seconds: list[float] = []
        for start in range(0, len(tests), self.batch):
            paths = list(tests[start : start + self.batch])
            started = time.perf_counter()
            self._judge(golden, paths, masks)
            seconds += [(time.perf_counter() - started) / len(paths)] * len(paths)
        return seconds

    def _judge(self, golden: Path, paths: list[Path], masks: Path) -> None:
        filled = paths + paths[-1:] * (self.batch - len(paths))
        feed = {
            self.test_name: np.concatenate([self._tensor(path) for path in filled]),
            self.golden_name: np.concatenate([self._tensor(golden) for _ in filled]),
        }
        logits = self.session.run(None, feed)[self.output]
        changed = np.argmax(logits, axis=1).astype(np.uint8) * 255
        for path, mask in zip(paths, changed, strict=False):
            Image.fromarray(mask).save(masks / f"{path.stem}.png")

    def _tensor(self, path: Path) -> NDArray[np.float32]:
        with Image.open(path) as opened:
            image = opened.convert("RGB").resize((self.side, self.side), self.resampling)
        values = (np.asarray(image, dtype=np.float32) / 255.0 - 0.5) / 0.5
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def image_files(folder: Path) -> list[Path]:
    """The images directly in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the loop over a folder and print its times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="ONNX file with two inputs, test first")
    parser.add_argument("--golden", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="test images")
    parser.add_argument(
        "--masks", type=Path, help="where masks are written (default: a folder that is removed)"
    )
    parser.add_argument("--limit", type=int, default=0, help="images at most; 0: all")
    parser.add_argument("--side", type=int, default=0, help="the network's height and width")
    parser.add_argument("--resize", choices=sorted(RESAMPLING), default="bicubic")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    tests = image_files(given.folder)[: given.limit or None]
    if not tests:
        parser.error(f"there are no images in {given.folder}")
    loop = ReferenceLoop(given.model, given.side, given.resize)
    with tempfile.TemporaryDirectory() as scratch:
        masks = given.masks or Path(scratch)
        masks.mkdir(parents=True, exist_ok=True)
        seconds = loop.run(given.golden, tests, masks)
    report = {
        "model": given.model.name,
        "images": len(seconds),
        "side": loop.side,
        "median_ms": float(np.median(seconds)) * 1000,
        "mean_ms": float(np.mean(seconds)) * 1000,
    }
    if given.json:
        print(json.dumps(report))
        return
    print(
        f"{report['model']}, {report['side']} x {report['side']}: {report['images']} pairs, "
        f"median {report['median_ms']:.1f} ms, mean {report['mean_ms']:.1f} ms a pair"
    )


if __name__ == "__main__":
    main()
