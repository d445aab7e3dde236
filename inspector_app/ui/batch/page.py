"""The Batch page: what to score, how far it is, what came of it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QMenu,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import RunState
from inspector_app.ui.batch.presenter import BatchPresenter
from inspector_app.ui.batch.score_plot import ScorePlot
from inspector_app.ui.batch.summary import duration, summary_tiles
from inspector_app.ui.records.record_pane import RecordPane
from inspector_app.ui.records.table_model import Column, RecordTableModel, RowFilter
from inspector_app.ui.records.table_view import RecordTable
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.export_button import ExportButton
from inspector_app.ui.widgets.filter_bar import FilterBar
from inspector_app.ui.widgets.parts import button, column, frame, label, row
from inspector_app.ui.widgets.picker import Picker
from inspector_app.ui.widgets.tiles import Tiles

RESORT_MS = 700
BAR_STEPS = 100
"""Of the bar, for each image."""
NO_RECIPE = "No recipe"


class BatchPage(QWidget):
    """Tells what was asked for by signals; shows what its presenter holds."""

    ask_folder = Signal()
    ask_golden = Signal()
    ask_golden_folder = Signal()
    ask_truth = Signal()
    ask_export = Signal(bool)

    def __init__(
        self,
        presenter: BatchPresenter,
        model: RecordTableModel,
        pane: RecordPane,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._batch, self._model, self.pane = presenter, model, pane
        self._theme = LIGHT
        self.folder = Picker("Test images", "Choose a folder…", "The folder of test images  ·  Ctrl+O")
        self.golden = Picker(
            "Golden", "Choose a golden…", "One golden image for all, or a folder of goldens of the same names"
        )
        self.truth = Picker("Annotations", "None", "Masks, LabelMe or COCO, for IoU and escapes  ·  Ctrl+T")
        self.recipe = QComboBox()
        self.recipe.setProperty("kind", "tall")
        self.recipe.setMinimumWidth(120)
        self.recursive = QCheckBox("Subfolders")
        self.start = button("Start", presenter.start, "primary", "Score the folder  ·  F5")
        self.start.setMinimumWidth(120)
        self.demo = button("Try the demo", presenter.start_demo, kind="", tip="Score the bundled demo set")
        self.cancel = button("Cancel", presenter.cancel, tip="Stop; what is done is kept  ·  F2")
        self.runs = QComboBox()
        self.runs.setProperty("kind", "tall")
        self.runs.setMinimumWidth(150)
        self.runs.setMinimumContentsLength(17)
        self.runs.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.runs.setToolTip("Show an earlier run again")
        self.runs.setPlaceholderText("Earlier runs")
        self.export = ExportButton()
        self.scores = QPushButton("Scores")
        self.scores.setCheckable(True)
        self.scores.setAutoDefault(False)
        self.scores.setToolTip("How the scores are spread, in place of the pair  ·  Ctrl+H")
        self.plot = ScorePlot()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.progress_text = label("", "dim")
        self.tiles = Tiles(9)
        self.filter = FilterBar("Search name, serial, reason")
        hidden = (Column.TIME, Column.SERIAL, Column.RECIPE)
        self.table = RecordTable(model, hidden, sortable=True)
        self._resort = QTimer(self)
        self._resort.setSingleShot(True)
        self._resort.setInterval(RESORT_MS)
        self._resort.timeout.connect(self._settle)
        self._assemble()
        self._wire()

    def _assemble(self) -> None:
        setup = frame("bar")
        top = row(self.folder, self.golden, margins=(12, 6, 12, 8), spacing=10)
        recipe = column(label("Recipe", "small"), self.recipe, spacing=2)
        top.addLayout(recipe)
        top.addWidget(self.truth)
        top.addLayout(column(1, self.recursive, spacing=2))
        top.addLayout(column(1, self.start, spacing=2))
        for index in (0, 1, 3):
            top.setStretch(index, 3)
        setup.setLayout(top)
        results = frame("bar")
        lines = column(margins=(12, 8, 12, 8), spacing=6)
        lines.addLayout(
            row(self.tiles, 1, self.progress_text, self.cancel, self.runs, self.scores, self.export)
        )
        lines.addWidget(self.bar)
        results.setLayout(lines)
        left = QWidget()
        inner = column(self.filter, self.table, margins=(0, 0, 0, 0), spacing=0)
        self.filter.setContentsMargins(12, 6, 12, 6)
        left.setLayout(inner)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(left)
        self._right = QStackedWidget()
        self._right.addWidget(self.pane)
        self._right.addWidget(self.plot)
        split.addWidget(self._right)
        # Wide enough for the reasons, also in the smallest window.
        split.setSizes([660, 540])
        split.setChildrenCollapsible(False)
        content = QWidget()
        content.setLayout(column(results, split, spacing=0))
        content.layout().setStretch(1, 1)  # type: ignore[union-attr]
        self._stack = QStackedLayout()
        self._stack.addWidget(self._guide())
        self._stack.addWidget(content)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(setup)
        whole.addLayout(self._stack, 1)

    def _guide(self) -> QWidget:
        guide = QWidget()
        title = label("Score a folder of images", "title")
        text = label(
            "Choose the test images and the golden or recipe to compare them with. Annotations are optional: "
            "with them you also get IoU, false calls and escapes.",
            "dim",
            wrap=True,
        )
        text.setFixedWidth(460)
        inner = column(1, title, text, spacing=12)
        inner.addLayout(row(self.demo, 1))
        inner.addStretch(2)
        guide.setLayout(row(1, 1))
        guide.layout().insertLayout(1, inner)  # type: ignore[union-attr]
        return guide

    def _wire(self) -> None:
        batch = self._batch
        self.export.asked.connect(self.ask_export)
        self.scores.toggled.connect(lambda on: self._right.setCurrentIndex(int(on)))
        self.folder.asked.connect(self.ask_folder)
        self.folder.dropped.connect(batch.choose_folder)
        menu = QMenu(self)
        menu.addAction("One golden for all…\tCtrl+G", self.ask_golden.emit)
        menu.addAction("Folder of goldens of the same names…", self.ask_golden_folder.emit)
        self.golden.set_menu(menu)
        self.golden.dropped.connect(batch.choose_golden)
        self.truth.asked.connect(self.ask_truth)
        self.truth.dropped.connect(lambda path: batch.change(truth=path))
        self.recursive.toggled.connect(lambda on: batch.change(recursive=on))
        self.recipe.activated.connect(self._recipe_chosen)
        self.runs.activated.connect(lambda index: batch.open_run(self.runs.itemData(index)))
        self.table.picked.connect(self.pane.presenter.show_record)
        self.pane.presenter.disposed.connect(self._model.replace)
        self.filter.changed.connect(lambda text, verdicts: self._model.set_filter(RowFilter(text, verdicts)))
        batch.setup_changed.connect(self._show_setup)
        batch.cleared.connect(self._cleared)
        batch.records_came.connect(self._came)
        batch.run_changed.connect(self._show_run)
        batch.summary_changed.connect(self._show_summary)
        batch.runs_changed.connect(self._show_runs)

    def _recipe_chosen(self, index: int) -> None:
        name = "" if index == 0 else self.recipe.itemText(index)
        changes: dict[str, object] = {"recipe": name}
        if name:
            changes["golden"] = None
        self._batch.change(**changes)

    def show_recipes(self, names: tuple[str, ...]) -> None:
        """The recipes there are."""
        self.recipe.clear()
        self.recipe.addItems([NO_RECIPE, *names])
        self._show_setup()

    def set_theme(self, theme: Theme) -> None:
        """Colours and icons."""
        self._theme = theme
        self.pane.set_theme(theme)
        self.plot.set_theme(theme)
        self._model.set_theme(theme)
        self.export.set_theme(theme)
        for show in (self._show_setup, self._show_run, self._show_summary):
            show()

    def _cleared(self) -> None:
        self._model.clear()
        self.plot.show_records(())
        self.pane.presenter.show_record(None)

    def _came(self, records: tuple[InspectionRecord, ...]) -> None:
        self._model.append(records)
        if not self._resort.isActive():
            self._resort.start()
        if self.table.current_record is None and self._model.rowCount():
            self.table.selectRow(0)

    def _settle(self) -> None:
        """Now and then while rows come: bring them into order, and the plot up to date."""
        self._model.resort()
        self.plot.show_records(tuple(self._model.records))

    def _show_setup(self) -> None:
        setup = self._batch.setup
        for picker, path in (
            (self.folder, setup.folder),
            (self.golden, setup.golden),
            (self.truth, setup.truth),
        ):
            picker.show_choice(short_path(path) if path else "", str(path) if path else "")
        self.recipe.setCurrentIndex(max(0, self.recipe.findText(setup.recipe)) if setup.recipe else 0)
        self.recursive.setChecked(setup.recursive)
        self._show_run()

    def _show_run(self) -> None:
        run = self._batch.run
        problem = self._batch.setup.problem
        self.start.setEnabled(not run.running and not problem)
        self.start.setToolTip(problem or "Score the folder  ·  F5")
        self.demo.setEnabled(not run.running)
        self.cancel.setVisible(run.running)
        self.runs.setVisible(not run.running)
        self.export.setEnabled(run.run_id is not None)
        self.bar.setVisible(run.running)
        self.bar.setRange(0, run.total * BAR_STEPS)
        self.bar.setValue(round(max(run.done, run.seen) * BAR_STEPS))
        self.progress_text.setText(self._progress_line())
        anything = run.running or run.run_id is not None or bool(self._batch.runs)
        self._stack.setCurrentIndex(1 if anything else 0)

    def _progress_line(self) -> str:
        run = self._batch.run
        if not run.running:
            return "Stopped early" if run.state is RunState.STOPPED else ""
        if not run.total:
            return "Loading the model and listing the images"
        rate = f"  ·  {run.rate:.1f} a second" if run.rate else ""
        left = f"  ·  {duration(run.left_s)} left" if run.left_s is not None else ""
        return f"{run.done:,} of {run.total:,}{rate}{left}"

    def _show_summary(self) -> None:
        summary = self._batch.summary
        self.tiles.show_tiles(summary_tiles(summary, self._theme) if summary else ())

    def _show_runs(self) -> None:
        self.runs.clear()
        for run in self._batch.runs:
            when = run.started.astimezone().strftime("%d %b %H:%M")
            self.runs.addItem(f"{run.info.label}, {when}", run.id)
        current = self.runs.findData(self._batch.run.run_id)
        self.runs.setCurrentIndex(current)
        self._show_run()


def short_path(path: Path) -> str:
    """With its folder, since folders named ``test`` and files named ``golden.png`` are many."""
    return f"{path.parent.name}/{path.name}"
