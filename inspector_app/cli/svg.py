"""The few pieces of SVG 1.1 that the commands' pictures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

INK, PALE_INK, PAPER = "#1c2733", "#66727f", "#ffffff"
Point = tuple[float, float]


def document(width: int, height: int, parts: Iterable[str]) -> str:
    """A whole picture on white, ``width x height`` pixels."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
            *parts,
            "</svg>\n",
        ]
    )


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: int = 12,
    weight: str = "normal",
    colour: str = INK,
    anchor: str = "start",
) -> str:
    """Words whose base line begins (``start``), has its middle or its end at ``x, y``."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}" fill="{colour}"/>'


def line(points: Sequence[Point], colour: str, *, width: float = 1.0, dash: str = "") -> str:
    """A line through points; ``dash`` as in ``stroke-dasharray``."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<polyline points="{_listed(points)}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'
    )


def area(points: Sequence[Point], colour: str, opacity: float) -> str:
    """A filled polygon that lets through what lies under it."""
    return f'<polygon points="{_listed(points)}" fill="{colour}" fill-opacity="{opacity}"/>'


def _listed(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
