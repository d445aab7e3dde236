"""Serial, lot and operator; the scan field takes what a barcode wedge types."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from inspector_app.core.inspection import Identity
from inspector_app.ui.widgets.parts import label


class IdentityBar(QWidget):
    """``changed`` tells the identity; ``scanned`` that Enter ended a serial."""

    changed = Signal(object)
    scanned = Signal()

    def __init__(self, station: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._station = station
        self.serial = _field("Serial", "Scan or type a serial, Enter inspects", "scan")
        self.lot = _field("Lot", "")
        self.operator = _field("Operator", "")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for name, field, share in (
            ("Serial", self.serial, 5),
            ("Lot", self.lot, 2),
            ("Operator", self.operator, 2),
        ):
            layout.addWidget(label(name, "small"))
            layout.addWidget(field, share)
            field.textChanged.connect(lambda text: self.changed.emit(self.identity))
        self._edited = False
        self.serial.textChanged.connect(self._typed)
        self.serial.returnPressed.connect(self.scanned)
        for field in (self.lot, self.operator):
            field.returnPressed.connect(self.serial.setFocus)

    @property
    def identity(self) -> Identity:
        """As entered."""
        return Identity(
            serial=self.serial.text().strip(),
            lot=self.lot.text().strip(),
            operator=self.operator.text().strip(),
            station=self._station,
        )

    def take_key(self, text: str) -> None:
        """What a wedge typed while the focus was elsewhere."""
        self.serial.setFocus()
        self.serial.insert(text)

    def _typed(self) -> None:
        self._edited = True

    def take_scan(self, serial: str) -> None:
        """A whole code that a wedge typed into another field."""
        self.serial.setFocus()
        self.serial.setText(serial)
        self.scanned.emit()

    def taken(self) -> None:
        """The serial goes with an inspection from now on: the next scan overwrites it, even before the record
        is there."""
        self._edited = False
        self.serial.selectAll()

    def recorded(self, serial: str, *, once: bool) -> None:
        """A record bears ``serial``; ``once``: no other may. What was typed since is the next unit's."""
        if self._edited or not serial or self.serial.text().strip() != serial:
            return
        if once:
            self.serial.clear()
        else:
            self.serial.selectAll()


def _field(name: str, placeholder: str, kind: str = "") -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText(placeholder)
    field.setAccessibleName(name)
    field.setMaxLength(200)
    if kind:
        field.setProperty("kind", kind)
    return field
