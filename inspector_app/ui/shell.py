"""Builds the whole window over a wired program: one runner, one funnel, presenters, pages, keys."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication

from inspector_app.bootstrap import Inspector
from inspector_app.core.verdict import Disposition
from inspector_app.ui.engine import EnginePresenter, engine_story
from inspector_app.ui.errors import ErrorFunnel, Notice
from inspector_app.ui.inspect.counters import CountersPresenter
from inspector_app.ui.inspect.files import IMAGES, TRUTHS, FileDialogs
from inspector_app.ui.inspect.live import LivePresenter
from inspector_app.ui.inspect.live_control import LiveControl
from inspector_app.ui.inspect.page import InspectPage
from inspector_app.ui.inspect.presenter import InspectPresenter
from inspector_app.ui.jobs import JobRunner
from inspector_app.ui.keys import KeyAction, WedgeFilter, bind
from inspector_app.ui.main_window import MainWindow
from inspector_app.ui.theme import Theme, apply_theme, theme_named
from inspector_app.ui.tools import Tools


class Shell(QObject):
    """Owns everything that lives as long as the window. ``close`` ends it in the right order."""

    def __init__(self, inspector: Inspector, app: QApplication) -> None:
        super().__init__()
        self._app = app
        self.inspector = inspector
        self.runner = JobRunner(self)
        self.errors = ErrorFunnel(self)
        self.tools = Tools(inspector, self.runner, self.errors)
        self.theme = theme_named(self._wanted_theme())
        self.engine = EnginePresenter(self.tools, self)
        self.pair = InspectPresenter(self.tools, self.engine, self.theme.mask, self)
        self.live = LiveControl(LivePresenter(self.runner, self), self.pair, self)
        self.counters = CountersPresenter(self.tools, self)
        self.window = MainWindow()
        self.dialogs = FileDialogs(self.window, Path.home())
        self.inspect_page = InspectPage(
            self.pair, self.engine, self.live, self.counters, inspector.settings.station
        )
        self._add_pages()
        self._wire()
        self._bind_keys()
        self.set_theme(self.theme)

    def _wanted_theme(self) -> str:
        wanted = self.inspector.settings.theme
        if wanted != "system":
            return wanted
        dark = self._app.styleHints().colorScheme() is Qt.ColorScheme.Dark
        return "dark" if dark else "light"

    def _add_pages(self) -> None:
        self.window.add_page(self.inspect_page, "Inspect", "inspect", "Ctrl+1")
        toggle = self.window.add_rail_action("Theme", "theme", "Light or dark  ·  Ctrl+D")
        toggle.clicked.connect(self.toggle_theme)

    def _wire(self) -> None:
        self.errors.raised.connect(self._show_notice)
        self.engine.changed.connect(self._show_engine)
        bar = self.inspect_page.actions_bar
        bar.open_golden.connect(self.ask_golden)
        bar.open_test.connect(self.ask_test)
        bar.open_truth.connect(self.ask_truth)

    def _show_notice(self, notice: Notice) -> None:
        self.window.banner.show_notice(notice)

    def _show_engine(self) -> None:
        info = self.engine.info
        story = engine_story(info)
        if info is None:
            text = "Loading the engine" if self.engine.loading else "No engine"
        else:
            text = f"Engine: {info.label}" + ("  ⓘ" if info.refusals else "")
        self.window.set_fact("engine", text, story)
        self.window.set_fact("model", f"Model: {self.engine.model}")

    def _bind_keys(self) -> None:
        page = self.inspect_page
        bar, view = page.view_bar, page.view
        actions = (
            KeyAction("Ctrl+1", "Inspect page", "Window", lambda: self.window.stack.setCurrentIndex(0), True),
            KeyAction("Ctrl+D", "Light or dark", "Window", self.toggle_theme, True),
            KeyAction("Esc", "Dismiss the message", "Window", self.window.banner.dismiss, True),
            KeyAction("F3", "Continuous", "Live", page.actions_bar.repeat.toggle),
            KeyAction("F4", "Use this frame as golden", "Pair", self.pair.use_test_as_golden),
            KeyAction("F5", "Inspect", "Inspect", self.live.trigger),
            KeyAction("F6", "Mask as fill, outline or heat map", "View", bar.next_mode),
            KeyAction("F7", "Truth", "View", bar.truth.toggle),
            KeyAction("F8", "Draw regions", "Setup", bar.regions.toggle),
            KeyAction("F9", "Confirm defect", "Decide", lambda: page.decide(Disposition.CONFIRMED)),
            KeyAction("F10", "False call", "Decide", lambda: page.decide(Disposition.FALSE_CALL)),
            KeyAction("F11", "Accept with a reason", "Decide", lambda: page.decide(Disposition.ACCEPTED)),
            KeyAction("F12", "Repaired", "Decide", lambda: page.decide(Disposition.REPAIRED)),
            KeyAction("PgDown", "Next defect", "View", lambda: page.step_defect(1)),
            KeyAction("PgUp", "Previous defect", "View", lambda: page.step_defect(-1)),
            KeyAction("Home", "Whole picture", "View", view.fit),
            KeyAction("Up", "More opacity", "View", lambda: bar.step_opacity(0.1)),
            KeyAction("Down", "Less opacity", "View", lambda: bar.step_opacity(-0.1)),
            KeyAction("Ctrl+G", "Open a golden", "Pair", self.ask_golden),
            KeyAction("Ctrl+O", "Open a test image", "Pair", self.ask_test),
            KeyAction("Ctrl+T", "Open an annotation", "Pair", self.ask_truth),
        )
        bind(self.window, page, actions)
        held = {
            Qt.Key.Key_Insert: lambda on: bar.update_prefs(hidden=on),
            Qt.Key.Key_End: lambda on: bar.update_prefs(blink=on),
        }
        self.wedge = WedgeFilter(page, page.identity.serial, page.identity.take_key, self.live.trigger, held)

    def ask_golden(self) -> None:
        """By dialog."""
        if path := self.dialogs.open_file("Open a golden", IMAGES):
            self.pair.open_golden(path)

    def ask_test(self) -> None:
        """By dialog."""
        if path := self.dialogs.open_file("Open a test image", IMAGES):
            self.pair.open_test(path)

    def ask_truth(self) -> None:
        """By dialog."""
        if path := self.dialogs.open_file("Open an annotation", TRUTHS):
            self.pair.open_truth(path)

    def toggle_theme(self) -> None:
        """Light to dark and back; remembered."""
        self.set_theme(theme_named("light" if self.theme.dark else "dark"))

    def set_theme(self, theme: Theme) -> None:
        """Dress the whole window."""
        self.theme = theme
        apply_theme(self._app, theme)
        self.window.set_theme(theme)
        self.inspect_page.set_theme(theme)

    def start(self) -> None:
        """Load the engine; the window is usable meanwhile."""
        self.engine.load(self.inspector.settings.default_model)
        self._show_engine()

    def close(self) -> None:
        """Stop the source, end all background work, free the device."""
        self._app.removeEventFilter(self.wedge)
        self.live.stop()
        self.runner.close()
        self.engine.close()
