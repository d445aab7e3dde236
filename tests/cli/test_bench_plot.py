from __future__ import annotations

from xml.etree import ElementTree

from inspector_app.cli.bench_plot import COLOURS, REFERENCE_COLOUR, bench_svg
from inspector_app.services.bench import BenchReport, BenchRow, GoldenUse, ReferenceRow

SVG = "{http://www.w3.org/2000/svg}"


def row(golden: GoldenUse, per_second: float, name: str = "m") -> BenchRow:
    return BenchRow(name, "e CPU", "float32", 2, 1, golden, "", 15, 1.0, 1.0, 1.0, per_second, 2.0, None)


def test_bars_are_as_long_as_what_they_say() -> None:
    reference = ReferenceRow("loop <1>", 1, 1.0, 1.0, 1.0, 25.0)
    rows = (row(GoldenUse.KEPT, 100.0, "a & b"), row(GoldenUse.ANEW, 50.0))
    root = ElementTree.fromstring(bench_svg(BenchReport(reference, rows, ()), "title", "machine"))
    colours = (REFERENCE_COLOUR, *COLOURS.values())
    bars = [r for r in root.iter(f"{SVG}rect") if r.get("fill") in colours and r.get("height") == "18"]
    lengths = [float(bar.get("width", "0")) for bar in bars]
    assert [length / lengths[1] for length in lengths] == [0.25, 1.0, 0.5]
    assert [bar.get("fill") for bar in bars] == [
        REFERENCE_COLOUR,
        COLOURS[GoldenUse.KEPT],
        COLOURS[GoldenUse.ANEW],
    ]
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert "loop <1>" in words
    assert any(text.startswith("a & b, e CPU") for text in words)
    assert any(text.endswith("2 at once") for text in words)
    assert any("2.00 times the reference" in text for text in words)
