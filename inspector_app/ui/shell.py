"""Builds the whole window over a wired program: one runner, one funnel, presenters, pages, keys."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication

from inspector_app.bootstrap import Inspector, shipped
from inspector_app.core.errors import InspectorError
from inspector_app.core.inspection import Identity, InspectionRecord
from inspector_app.core.verdict import Verdict
from inspector_app.ui.actions import Actions
from inspector_app.ui.batch.page import BatchPage
from inspector_app.ui.batch.presenter import BatchPresenter
from inspector_app.ui.engine import EnginePresenter, engine_story
from inspector_app.ui.errors import ErrorFunnel, Notice, Tone
from inspector_app.ui.history.model import HistoryModel
from inspector_app.ui.history.page import HistoryPage
from inspector_app.ui.history.presenter import HistoryPresenter
from inspector_app.ui.inspect.counters import CountersPresenter
from inspector_app.ui.inspect.live import LivePresenter, LiveState
from inspector_app.ui.inspect.live_control import LiveControl, live_fact
from inspector_app.ui.inspect.overlay import MaskMode
from inspector_app.ui.inspect.page import InspectPage
from inspector_app.ui.inspect.presenter import InspectPresenter
from inspector_app.ui.inspect.recipes import RecipesPresenter
from inspector_app.ui.inspect.view_bar import ViewBar
from inspector_app.ui.jobs import JobRunner
from inspector_app.ui.keymap import bind_keys
from inspector_app.ui.main_window import MainWindow
from inspector_app.ui.records.record_pane import RecordPane, RecordPresenter
from inspector_app.ui.records.table_model import RecordTableModel
from inspector_app.ui.records.thumbnails import Thumbnails
from inspector_app.ui.theme import Theme, apply_theme, theme_named
from inspector_app.ui.tools import Tools

INSPECT, BATCH, HISTORY = range(3)


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
        self._theme_chosen = False
        self._was_lost = False
        # Before there are widgets, so that each is dressed once.
        self._dress(self.theme)
        self._make_presenters()
        self._make_views()
        self._wire()
        self.actions = Actions(self)
        self.wedge = bind_keys(self)
        self._restore_prefs()
        self.set_theme(self.theme)

    def _wanted_theme(self) -> str:
        wanted = self.inspector.settings.theme
        if wanted != "system":
            return wanted
        dark = self._app.styleHints().colorScheme() is Qt.ColorScheme.Dark
        return "dark" if dark else "light"

    def _make_presenters(self) -> None:
        tools, colour = self.tools, self.theme.mask
        self.engine = EnginePresenter(tools, self)
        self.pair = InspectPresenter(tools, self.engine, colour, self)
        self.live = LiveControl(LivePresenter(tools, self), self.pair, self.errors, self)
        self.counters = CountersPresenter(tools, self)
        self.recipes = RecipesPresenter(tools, self.pair, self.engine, self)
        self.batch = BatchPresenter(tools, self)
        self.history = HistoryPresenter(tools, self)
        self.thumbnails = Thumbnails(tools, self)
        self.batch_record = RecordPresenter(tools, colour, self)
        self.history_record = RecordPresenter(tools, colour, self)

    def _make_views(self) -> None:
        station = self.inspector.settings.station
        self.window = MainWindow()
        self.inspect_page = InspectPage(self.pair, self.engine, self.live, self.counters, station)
        batch_model = RecordTableModel(self.thumbnails, self)
        self.batch_page = BatchPage(self.batch, batch_model, RecordPane(self.batch_record))
        history_model = HistoryModel(self.history, self.thumbnails, self)
        self.history_page = HistoryPage(self.history, history_model, RecordPane(self.history_record))
        self.window.add_page(self.inspect_page, "Inspect", "inspect", "Ctrl+1")
        self.window.add_page(self.batch_page, "Batch", "batch", "Ctrl+2")
        self.window.add_page(self.history_page, "History", "history", "Ctrl+3")

    def _wire(self) -> None:
        self.errors.raised.connect(self.window.banner.show_notice)
        self.engine.changed.connect(self._show_engine)
        self.engine.plans.changed.connect(self._show_building)
        self.window.build_strip.cancelled.connect(self.engine.plans.cancel)
        self.window.fact_pressed.connect(self._tell_fact)
        self.live.changed.connect(self._show_live)
        self.pair.recorded.connect(lambda record: self.history_page.mark_stale())
        self.pair.recorded.connect(self._sound)
        self.pair.disposed.connect(lambda record: self.history_page.mark_stale())
        self.batch.run_changed.connect(self._batch_moved)
        self.recipes.changed.connect(self._show_recipes)
        self.pair.setup_changed.connect(self._show_recipes)
        self.inspect_page.identity.changed.connect(self._identity_changed)
        # The station stands in it from the start, before anything is entered.
        self._identity_changed(self.inspect_page.identity.identity)

    def _sound(self, record: InspectionRecord) -> None:
        if self.inspector.settings.sound and record.verdict is not Verdict.PASS:
            self._app.beep()

    def _identity_changed(self, identity: Identity) -> None:
        self.pair.set_identity(identity)
        self.batch.set_identity(identity)
        self.batch_record.identity = self.history_record.identity = identity

    def _batch_moved(self) -> None:
        if not self.batch.run.running and self.batch.run.run_id is not None:
            self.history_page.mark_stale()

    def _show_recipes(self) -> None:
        self.inspect_page.actions_bar.show_recipes(self.recipes.names, self.recipes.current)
        self.batch_page.show_recipes(self.recipes.names)
        self.history_page.show_recipes(self.recipes.names)

    def _tell_fact(self, name: str) -> None:
        """A fact's story, for hands that have no pointer to hover with."""
        if name == "model":
            self.actions.show_models()
        elif name == "engine":
            self.actions.show_engines()
        elif story := self.window.fact(name).toolTip():
            self.errors.info(story)

    def _show_live(self) -> None:
        live = self.live
        self.window.set_fact("live", live_fact(live), live.text)
        if live.state is LiveState.LOST:
            self.errors.raised.emit(Notice(Tone.WARNING, live.text))
        elif live.state is LiveState.RUNNING and self._was_lost:
            self.window.banner.dismiss()
        if live.state is not LiveState.CONNECTING:
            self._was_lost = live.state is LiveState.LOST

    def _show_engine(self) -> None:
        info = self.engine.info
        if info is None:
            text = "Loading the engine" if self.engine.loading else "No engine"
        else:
            text = f"Engine: {info.label}" + (" (why?)" if info.refusals else "")
        self.window.set_fact("engine", text, engine_story(info))
        model = f"Model: {self.engine.model}" if self.engine.model else "No model"
        self.window.set_fact("model", model, "Choose the model  ·  Ctrl+M")

    def _show_building(self) -> None:
        info = self.engine.info
        self.window.build_strip.show_building(self.engine.plans.building, info.label if info else "")

    def set_theme(self, theme: Theme) -> None:
        """Dress the whole window."""
        self.theme = theme
        self._dress(theme)
        self.window.set_theme(theme)
        for page in (self.inspect_page, self.batch_page, self.history_page):
            page.set_theme(theme)

    def _dress(self, theme: Theme) -> None:
        apply_theme(self._app, theme, shipped("resources") / "icons")

    def toggle_theme(self) -> None:
        """Light to dark and back; remembered."""
        self._theme_chosen = True
        self.set_theme(theme_named("light" if self.theme.dark else "dark"))

    def dismiss(self) -> None:
        """Esc: the message first, then back to the live picture."""
        if self.window.banner.notice is not None:
            self.window.banner.dismiss()
        elif self.live.holding:
            self.live.resume()

    def start(self, open_run: int | None = None) -> None:
        """Load the engine and what was used last; the window is usable meanwhile."""
        settings = self.inspector.settings
        self.engine.load(settings.default_model)
        self._show_engine()
        self.recipes.refresh()
        self.batch.list_runs()
        if open_run is not None:
            self.window.stack.setCurrentIndex(BATCH)
            self.batch.open_run(open_run)
        if settings.last_recipe:
            self.recipes.choose(settings.last_recipe)
        elif settings.last_golden and Path(settings.last_golden).is_file():
            self.pair.open_golden(Path(settings.last_golden))
        self.inspect_page.identity.serial.setFocus()

    def _restore_prefs(self) -> None:
        settings = self.inspector.settings
        mode = MaskMode[settings.overlay_mode.upper()]
        for bar in self._view_bars():
            bar.update_prefs(mode=mode, opacity=settings.overlay_opacity)

    def _view_bars(self) -> tuple[ViewBar, ...]:
        return (
            self.inspect_page.view_bar,
            self.batch_page.pane.view_bar,
            self.history_page.pane.view_bar,
        )

    def _save_prefs(self) -> None:
        golden, settings = self.pair.golden, self.inspector.settings
        prefs = self.inspect_page.view_bar.prefs
        wanted = settings.model_copy(
            update={
                "theme": self.theme.name if self._theme_chosen else settings.theme,
                "overlay_mode": prefs.mode.name.lower(),
                "overlay_opacity": round(prefs.opacity, 2),
                "default_model": settings.default_model
                if self.recipes.current
                else self.engine.model or settings.default_model,
                "last_recipe": self.recipes.current or None,
                "last_golden": str(golden.frame.path) if golden and golden.frame.path else None,
            }
        )
        if wanted != settings:
            self.inspector.save_settings(wanted)

    def close(self) -> None:
        """Stop the source, end all background work, free the device, remember the preferences."""
        self._app.removeEventFilter(self.wedge)
        self.live.stop()
        self.runner.close()
        self.engine.close()
        try:
            self._save_prefs()
        except InspectorError as error:
            self.errors.error(error)
