"""The window: a rail of pages, the banner, the status line. It assembles; it decides nothing."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.banner import Banner
from inspector_app.ui.widgets.build_strip import BuildStrip
from inspector_app.ui.widgets.icons import icon
from inspector_app.ui.widgets.parts import button, frame, row


class MainWindow(QMainWindow):
    """Pages are added with their icon; the foot shows short standing facts."""

    fact_pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Inspector")
        self._theme = LIGHT
        self._icons: list[tuple[QToolButton, str]] = []
        self.banner = Banner()
        self.stack = QStackedWidget()
        self.build_strip = BuildStrip()
        self._pages = QButtonGroup(self)
        self._rail_layout = QVBoxLayout()
        self._facts: dict[str, QPushButton] = {}
        self._foot_layout = row(1, spacing=20, margins=(14, 0, 14, 0))
        self.setCentralWidget(self._assemble())
        self._pages.idClicked.connect(self.stack.setCurrentIndex)
        self.stack.currentChanged.connect(lambda index: self._pages.button(index).setChecked(True))

    def _assemble(self) -> QWidget:
        rail = frame("rail")
        rail.setFixedWidth(84)
        self._rail_layout.setContentsMargins(6, 10, 6, 10)
        self._rail_layout.setSpacing(6)
        self._rail_layout.addStretch(1)
        rail.setLayout(self._rail_layout)
        foot = frame("foot")
        foot.setFixedHeight(32)
        foot.setLayout(self._foot_layout)
        body = QVBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self.banner)
        body.addWidget(self.stack, 1)
        body.addWidget(self.build_strip)
        body.addWidget(foot)
        central = QWidget()
        layout = QHBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(rail)
        layout.addLayout(body, 1)
        return central

    def add_page(self, page: QWidget, name: str, icon_name: str, key: str) -> None:
        """A page with its button in the rail."""
        made = self._rail_button(name, icon_name, f"{name}  ·  {key}")
        made.setCheckable(True)
        index = self.stack.count()
        self._pages.addButton(made, index)
        self.stack.addWidget(page)
        self._rail_layout.insertWidget(index, made)
        made.setChecked(index == 0)

    def add_rail_action(self, name: str, icon_name: str, tip: str) -> QToolButton:
        """A button at the rail's foot."""
        made = self._rail_button(name, icon_name, tip)
        self._rail_layout.addWidget(made)
        return made

    def _rail_button(self, name: str, icon_name: str, tip: str) -> QToolButton:
        made = QToolButton()
        made.setText(name)
        made.setProperty("kind", "nav")
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setToolTip(tip)
        made.setIconSize(QSize(26, 26))
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._icons.append((made, icon_name))
        return made

    def set_fact(self, name: str, text: str, tip: str = "") -> None:
        """A short standing fact in the foot, with its story as a tip."""
        if name not in self._facts:
            made = button("", kind="fact")
            made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            made.clicked.connect(lambda: self.fact_pressed.emit(name))
            self._facts[name] = made
            self._foot_layout.insertWidget(len(self._facts) - 1, made)
        self._facts[name].setText(text)
        self._facts[name].setToolTip(tip)

    def fact(self, name: str) -> QPushButton:
        """For tests."""
        return self._facts[name]

    def set_theme(self, theme: Theme) -> None:
        """Icons and banner."""
        self._theme = theme
        self.banner.set_theme(theme)
        for made, name in self._icons:
            made.setIcon(icon(name, theme.text, 26))

    def toggle_full_screen(self) -> None:
        """Full screen and back."""
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()
