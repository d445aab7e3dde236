"""The few questions the window asks: a reason, a source, a recipe's name. Each gives a value or None."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtWidgets import QComboBox, QDialog, QDoubleSpinBox, QLineEdit, QPushButton, QSpinBox, QWidget

from inspector_app.core.recipe import AlignmentMethod, ViewMode
from inspector_app.core.verdict import Disposition
from inspector_app.ui.inspect.setup import Setup
from inspector_app.ui.widgets.parts import button, column, label, row

REASONS = {
    Disposition.ACCEPTED: (
        "Cosmetic, within the customer's limits",
        "Agreed deviation",
        "Will be covered in use",
    ),
    Disposition.REPAIRED: ("Cleaned", "Reworked", "Part replaced"),
}


class Question(QDialog):
    """A title, some fields, and two buttons; Enter agrees, Esc does not."""

    def __init__(
        self, parent: QWidget | None, title: str, fields: Sequence[tuple[str, QWidget]], agree: str
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(460)
        self.agree: QPushButton = button(agree, self.accept, "primary")
        self.agree.setDefault(True)
        layout = column(label(title, "title"), spacing=6, margins=(24, 20, 24, 20))
        for name, widget in fields:
            layout.addSpacing(6)
            layout.addWidget(label(name, "small"))
            layout.addWidget(widget)
        layout.addSpacing(14)
        layout.addLayout(row(1, button("Cancel", self.reject), self.agree))
        self.setLayout(layout)


def _combo(texts: Sequence[str], current: str = "") -> QComboBox:
    combo = QComboBox()
    combo.setEditable(True)
    combo.addItems(list(texts))
    combo.setCurrentText(current)
    return combo


class ReasonQuestion(Question):
    """Why a unit is accepted, or how it was repaired."""

    def __init__(self, parent: QWidget | None, disposition: Disposition) -> None:
        self.reason = _combo(REASONS.get(disposition, ()))
        accepted = disposition is Disposition.ACCEPTED
        title = "Why is it accepted?" if accepted else "How was it repaired?"
        super().__init__(parent, title, (("Reason", self.reason),), "Record")
        self.reason.currentTextChanged.connect(self._check)
        self._check(self.reason.currentText())

    def _check(self, text: str) -> None:
        self.agree.setEnabled(bool(text.strip()))

    @property
    def value(self) -> str:
        """The reason."""
        return self.reason.currentText().strip()


class SourceQuestion(Question):
    """Which camera, stream, video or folder is live."""

    def __init__(self, parent: QWidget | None, current: str, known: Sequence[str]) -> None:
        self.spec = _combo(known, current)
        self.folder = button("Folder as a camera…")
        self.video = button("Video file…")
        holder = QWidget()
        holder.setLayout(row(self.folder, self.video, 1))
        fields = (("Camera number (0, 1…), stream address, video file or folder", self.spec), ("", holder))
        super().__init__(parent, "Live source", fields, "Start")

    @property
    def value(self) -> str:
        """What was named."""
        return self.spec.currentText().strip()


METHODS: tuple[tuple[AlignmentMethod, str], ...] = (
    ("none", "None: the camera and the part stand still"),
    ("translation", "Shift"),
    ("rigid", "Shift and turn"),
    ("affine", "Shift, turn, scale and shear"),
)


VIEWS: tuple[tuple[ViewMode, str], ...] = (
    ("whole", "As a whole, shrunk to the network's size"),
    ("tiles", "By tiles, at its own scale"),
    ("both", "Both, fused"),
)


class SetupQuestion(Question):
    """What decides besides the sliders: alignment, view, goldens, defects allowed, scale."""

    def __init__(self, parent: QWidget | None, setup: Setup) -> None:
        self._setup = setup
        self.alignment = QComboBox()
        self.alignment.addItems([text for _, text in METHODS])
        self.alignment.setCurrentIndex([method for method, _ in METHODS].index(setup.alignment.method))
        self.view = QComboBox()
        self.view.addItems([text for _, text in VIEWS])
        self.view.setCurrentIndex([mode for mode, _ in VIEWS].index(setup.view.mode))
        self.view_scale = QDoubleSpinBox()
        self.view_scale.setRange(0.01, 4.0)
        self.view_scale.setDecimals(3)
        self.view_scale.setSingleStep(0.25)
        self.view_scale.setValue(setup.view.scale)
        self.view.currentIndexChanged.connect(lambda index: self.view_scale.setEnabled(index > 0))
        self.view_scale.setEnabled(setup.view.mode != "whole")
        self.looks = QComboBox()
        if setup.recipe is None:
            self.looks.addItem("As the model suggests", None)
        self.looks.addItem("Once", False)
        self.looks.addItem("Twice, mirrored too: surer, takes twice as long", True)
        told = setup.recipe is not None or setup.looks_set
        self.looks.setCurrentIndex(self.looks.findData(setup.view.mirrored) if told else 0)
        self.goldens = QSpinBox()
        self.goldens.setRange(1, 10)
        self.goldens.setValue(setup.goldens_used)
        self.allowed = QSpinBox()
        self.allowed.setRange(0, 999)
        self.allowed.setValue(setup.limits.max_defects)
        self.scale = QDoubleSpinBox()
        self.scale.setRange(0.0, 100_000.0)
        self.scale.setDecimals(3)
        self.scale.setSpecialValueText("unknown")
        self.scale.setValue(setup.um_per_px or 0.0)
        for spin in (self.allowed, self.scale, self.view_scale, self.goldens):
            spin.lineEdit().setTextMargins(10, 0, 0, 0)
        fields = (
            ("Alignment of the test image to the golden", self.alignment),
            ("How the network is shown an image", self.view),
            ("Tiles: network pixels for each pixel of the image", self.view_scale),
            ("How often it looks at each pair", self.looks),
            ("Best-matching goldens of a recipe that judge together", self.goldens),
            ("Defects allowed on a good part", self.allowed),
            ("Micrometres per pixel", self.scale),
        )
        super().__init__(parent, "Set-up", fields, "Use")

    @property
    def value(self) -> Setup:
        """The set-up as entered."""
        method = METHODS[self.alignment.currentIndex()][0]
        setup = self._setup
        limits = setup.limits.model_copy(update={"max_defects": self.allowed.value()})
        changed = setup if limits == setup.limits else setup.with_limits(limits)
        alignment = setup.alignment.model_copy(update={"method": method})
        # A scale that was not touched keeps all its digits.
        shown = self.view_scale.value()
        scale = setup.view.scale if abs(shown - setup.view.scale) < 5e-4 else shown
        mode = VIEWS[self.view.currentIndex()][0]
        looks: bool | None = self.looks.currentData()
        mirrored = setup.view.mirrored if looks is None else looks
        return replace(
            changed,
            alignment=alignment,
            um_per_px=self.scale.value() or None,
            view=setup.view.model_copy(update={"mode": mode, "scale": scale, "mirrored": mirrored}),
            looks_set=looks is not None,
            goldens_used=self.goldens.value(),
        )


@dataclass(frozen=True)
class RecipeAnswer:
    """How a recipe is to be saved."""

    name: str
    note: str


class RecipeQuestion(Question):
    """Name and note of a revision."""

    def __init__(self, parent: QWidget | None, current: str, known: Sequence[str]) -> None:
        self.name = _combo(known, current)
        self.note = QLineEdit()
        self.note.setPlaceholderText("What changed, and why")
        self.note.setMaxLength(500)
        super().__init__(
            parent, "Save as recipe revision", (("Recipe", self.name), ("Note", self.note)), "Save revision"
        )
        self.name.currentTextChanged.connect(self._check)
        self._check(self.name.currentText())

    def _check(self, text: str) -> None:
        self.agree.setEnabled(bool(text.strip()))

    @property
    def value(self) -> RecipeAnswer:
        """As entered."""
        return RecipeAnswer(self.name.currentText().strip(), self.note.text().strip())
