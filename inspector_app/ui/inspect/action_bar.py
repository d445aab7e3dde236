"""The top of the Inspect page: recipe, files, live source, and the one large button."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QMenu, QPushButton, QWidget

from inspector_app.ui.inspect.live import LiveState
from inspector_app.ui.theme import Theme
from inspector_app.ui.widgets.icons import icon
from inspector_app.ui.widgets.parts import button, rule

NO_RECIPE = "No recipe"


class ActionBar(QFrame):
    """Tells what was asked for; knows nothing of what comes of it."""

    recipe_chosen = Signal(str)
    open_golden = Signal()
    open_test = Signal()
    open_truth = Signal()
    use_as_golden = Signal()
    choose_source = Signal()
    start_stop = Signal()
    continuous = Signal(bool)
    inspect = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "bar")
        self.recipe = QComboBox()
        self.recipe.addItem(NO_RECIPE)
        self.recipe.setAccessibleName("Recipe")
        self.recipe.setToolTip("The recipe in use")
        self.recipe.setMinimumContentsLength(13)
        self.recipe.setMaximumWidth(260)
        self.recipe.setProperty("kind", "tall")
        self.recipe.activated.connect(lambda index: self.recipe_chosen.emit(self._recipe_name(index)))
        self.golden = button(" Golden", self.open_golden.emit, tip="Open a golden image  ·  Ctrl+G")
        self.test = button(" Test", self.open_test.emit, tip="Open a test image and inspect it  ·  Ctrl+O")
        self.more = button("More", kind="menu", tip="Annotation, use as golden, live source")
        self.live = button(" Live", self.start_stop.emit, tip="Start or stop the live source  ·  F2")
        self.repeat = button(" Continuous", tip="Inspect every newest frame  ·  F3")
        self.repeat.setCheckable(True)
        self.repeat.toggled.connect(self.continuous)
        self.go = button(
            "Inspect",
            self.inspect.emit,
            "primary",
            "Inspect the test image  ·  F5, Space, or Enter after a scan",
        )
        self.go.setMinimumWidth(130)
        self.more.setMenu(self._menu())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 12, 6)
        layout.setSpacing(8)
        for item in (
            self.recipe,
            rule(True),
            self.golden,
            self.test,
            self.more,
            rule(True),
            self.live,
            self.repeat,
        ):
            layout.addWidget(item)
        layout.addStretch(1)
        layout.addWidget(self.go)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Annotation…\tCtrl+T", self.open_truth.emit)
        menu.addAction("Use this frame as golden\tF4", self.use_as_golden.emit)
        menu.addSeparator()
        menu.addAction("Choose live source…\tCtrl+L", self.choose_source.emit)
        return menu

    def _recipe_name(self, index: int) -> str:
        return "" if index == 0 else self.recipe.itemText(index)

    def set_theme(self, theme: Theme) -> None:
        """Icons."""
        for made, name in ((self.golden, "star"), (self.test, "open"), (self.repeat, "repeat")):
            made.setIcon(icon(name, theme.text))
        self._theme = theme

    def show_recipes(self, names: Sequence[str], current: str) -> None:
        """The recipes there are, and the one in use ("" for none)."""
        self.recipe.clear()
        self.recipe.addItems([NO_RECIPE, *names])
        self.recipe.setCurrentIndex(names.index(current) + 1 if current in names else 0)

    def show_live(self, state: LiveState, running: bool, theme: Theme) -> None:
        """What the live button would do."""
        self.live.setText(" Stop" if running else " Live")
        self.live.setIcon(icon("stop" if running else "camera", theme.text))
        self.live.setChecked(running)

    def show_busy(self, busy: bool) -> None:
        """While the engine works the button says so and keeps its place."""
        self.go.setText("Inspecting…" if busy else "Inspect")

    def show_ready(self, ready: bool) -> None:
        """Whether there is something to inspect; without it the button stands back, and says what is missing when pressed."""
        waits = not ready
        if self.go.property("waits") != waits:
            self.go.setProperty("waits", waits)
            self.go.style().unpolish(self.go)
            self.go.style().polish(self.go)

    def show_part(self, share: float) -> None:
        """How far a large image is, which takes many calls of the network."""
        if 0.0 < share < 1.0:
            self.go.setText(f"Inspecting… {share:.0%}")

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        """For tests."""
        return self.golden, self.test, self.more, self.live, self.repeat, self.go
