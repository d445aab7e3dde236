"""Numbers with their names, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from inspector_app.ui.widgets.parts import column, label


@dataclass(frozen=True)
class Tile:
    """A name, a value, its colour ("" for the usual) and its story."""

    name: str
    value: str
    colour: str = ""
    tip: str = ""


class Tiles(QWidget):
    """A fixed number of places, filled anew."""

    def __init__(self, count: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places: list[tuple[QLabel, QLabel]] = []
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(18)
        for _ in range(count):
            name, value = label("", "small"), label("", "value")
            self._places.append((name, value))
            layout.addLayout(column(name, value, spacing=0))
        layout.addStretch(1)

    def show_tiles(self, tiles: Sequence[Tile]) -> None:
        """In order; places left over are empty."""
        for (name, value), tile in zip(
            self._places, [*tiles, *[Tile("", "")] * len(self._places)], strict=False
        ):
            name.setText(tile.name)
            value.setText(tile.value)
            value.setStyleSheet(f"color: {tile.colour};" if tile.colour else "")
            for one in (name, value):
                one.setToolTip(tile.tip)

    def text(self, name: str) -> str:
        """The value beside a name, for tests."""
        return next(value.text() for label_, value in self._places if label_.text() == name)
