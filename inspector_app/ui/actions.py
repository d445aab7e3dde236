"""What needs a dialog, and the few things that concern more than one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QMenu

from inspector_app.core.errors import InspectorError
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.verdict import Disposition
from inspector_app.settings.app_settings import EngineName
from inspector_app.sources.registry import open_source
from inspector_app.ui.engine import engine_story
from inspector_app.ui.files import CSV, IMAGES, TRUTHS, VIDEOS, FileDialogs
from inspector_app.ui.inspect.dialogs import ReasonQuestion, RecipeQuestion, SetupQuestion, SourceQuestion
from inspector_app.ui.inspect.presenter import InspectPresenter
from inspector_app.ui.inspect.setup import needs_the_network
from inspector_app.ui.keys import ListedKey
from inspector_app.ui.keys_help import KeysHelp
from inspector_app.ui.records.record_pane import RecordPresenter

if TYPE_CHECKING:
    from inspector_app.ui.shell import Shell


ENGINES: dict[EngineName, str] = {
    "auto": "Best that works",
    "tensorrt": "TensorRT",
    "cuda": "onnxruntime CUDA",
    "openvino": "OpenVINO",
    "cpu": "onnxruntime CPU",
}


class Actions(QObject):
    """Asks, then hands the answer to a presenter."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._window = shell.window
        self._dialogs = FileDialogs(shell.window, Path.home())
        self._specs: list[str] = []
        self._wire()

    def _wire(self) -> None:
        shell = self._shell
        inspect, bar = shell.inspect_page, shell.inspect_page.actions_bar
        bar.open_golden.connect(self.open_golden)
        bar.open_test.connect(self.open_test)
        bar.open_truth.connect(self.open_truth)
        bar.choose_source.connect(self.choose_source)
        bar.start_stop.connect(self.start_stop)
        bar.recipe_chosen.connect(shell.recipes.choose)
        inspect.limits.save.connect(self.save_recipe)
        inspect.limits.more.connect(self.change_setup)
        inspect.reason_wanted.connect(lambda what: self.ask_reason(shell.pair, what))
        inspect.welcome.open_golden.connect(self.open_golden)
        inspect.welcome.demo.connect(self.demo)
        inspect.totals.strip.picked.connect(self.show_in_history)
        batch = shell.batch_page
        batch.ask_folder.connect(self.batch_folder)
        batch.ask_golden.connect(self.batch_golden)
        batch.ask_golden_folder.connect(self.batch_golden_folder)
        batch.ask_truth.connect(self.batch_truth)
        batch.ask_export.connect(lambda defects: self.export(shell.batch.export, "batch", defects))
        shell.history_page.ask_export.connect(
            lambda defects: self.export(shell.history.export, "history", defects)
        )
        for page in (shell.batch_page, shell.history_page):
            presenter = page.pane.presenter
            page.pane.reason_wanted.connect(lambda what, where=presenter: self.ask_reason(where, what))
        self._window.add_rail_action("Keys", "keys", "Keys of this page  ·  F1").clicked.connect(
            self.show_keys
        )
        self._window.add_rail_action("Theme", "theme", "Light or dark  ·  Ctrl+D").clicked.connect(
            shell.toggle_theme
        )
        self.keys: tuple[tuple[str, tuple[ListedKey, ...]], ...] = ()

    # Inspect

    def open_golden(self) -> None:
        """By dialog."""
        if path := self._dialogs.open_file("Open a golden", IMAGES):
            self._shell.pair.open_golden(path)

    def open_test(self) -> None:
        """By dialog."""
        if path := self._dialogs.open_file("Open a test image", IMAGES):
            self._shell.pair.open_test(path)

    def open_truth(self) -> None:
        """By dialog."""
        if path := self._dialogs.open_file("Open an annotation", TRUTHS):
            self._shell.pair.open_truth(path)

    def demo(self) -> None:
        """A bundled golden with a defective part."""
        folder = self._shell.inspector.demo_folder()
        goldens = sorted(folder.glob("*/golden.png"))
        tests = sorted(path for golden in goldens[:1] for path in golden.parent.glob("test/*/*.png"))
        bad = [path for path in tests if path.parent.name != "good"]
        if not goldens or not bad:
            self._shell.errors.info("The demo set is not there.", "Install Inspector again.")
            return
        self._shell.pair.open_golden(goldens[0])
        self._shell.pair.open_test(bad[0])

    def start_stop(self) -> None:
        """Stop the live source, or start the one used last; the first time it is asked for."""
        if self._shell.live.running:
            self._shell.live.stop()
        elif self._specs:
            self.start_source(self._specs[0])
        else:
            self.choose_source()

    def choose_source(self) -> None:
        """By dialog."""
        question = SourceQuestion(self._window, self._specs[0] if self._specs else "0", self._specs)
        question.folder.clicked.connect(
            lambda: self._put(question, self._dialogs.open_folder("Folder as a camera"))
        )
        question.video.clicked.connect(
            lambda: self._put(question, self._dialogs.open_file("Video file", VIDEOS))
        )
        if question.exec() == QDialog.DialogCode.Accepted and question.value:
            self.start_source(question.value)

    def _put(self, question: SourceQuestion, path: Path | None) -> None:
        if path is not None:
            question.spec.setCurrentText(str(path))

    def start_source(self, spec: str) -> None:
        """A camera's number, an address, a video or a folder."""
        try:
            source = open_source(spec)
        except InspectorError as error:
            self._shell.errors.error(error)
            return
        self._specs = [spec, *(one for one in self._specs if one != spec)][:8]
        self._shell.live.start(source)

    def change_setup(self) -> None:
        """By dialog; what needs the network again (another alignment, view or number of goldens) has the image on
        screen inspected anew."""
        pair = self._shell.pair
        question = SetupQuestion(self._window, pair.setup)
        if question.exec() == QDialog.DialogCode.Accepted:
            before = needs_the_network(pair.setup.deciding)
            pair.set_setup(question.value)
            if (
                needs_the_network(pair.setup.deciding) != before
                and pair.can_inspect()
                and not self._shell.live.old_frame
            ):
                pair.inspect()

    def show_models(self) -> None:
        """A menu of the models that are installed, over the foot."""
        menu = QMenu(self._window)
        for name in sorted(self._shell.inspector.models()):
            _tick(menu, name, name == self._shell.engine.model)
        menu.triggered.connect(lambda action: self.choose_model(action.text()))
        self._over_fact(menu, "model")

    def show_engines(self) -> None:
        """Which engine runs, why no better one does, and which is asked for."""
        menu = QMenu(self._window)
        for line in engine_story(self._shell.engine.info).splitlines():
            menu.addAction(line).setEnabled(False)
        menu.addSeparator()
        for name, text in ENGINES.items():
            _tick(menu, text, name == self._shell.inspector.settings.engine).setData(name)
        menu.triggered.connect(lambda action: self.choose_engine(action.data()))
        self._over_fact(menu, "engine")

    def _over_fact(self, menu: QMenu, name: str) -> None:
        fact = self._window.fact(name)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(fact.mapToGlobal(fact.rect().topLeft()) - QPoint(0, menu.sizeHint().height()))

    def choose_engine(self, name: EngineName) -> None:
        """Ask for another engine; remembered."""
        shell = self._shell
        shell.inspector.save_settings(shell.inspector.settings.model_copy(update={"engine": name}))
        shell.engine.plans.forget()
        shell.engine.load(shell.engine.asked)

    def choose_model(self, name: str) -> None:
        """Another network from now on; it leaves the recipe, which names its own."""
        shell = self._shell
        if shell.pair.setup.recipe is not None:
            shell.recipes.choose("")
        shell.engine.load(name)
        shell.batch.change(model=name)
        shell.pair.forget_outcome()

    def save_recipe(self) -> None:
        """By dialog."""
        recipes = self._shell.recipes
        question = RecipeQuestion(self._window, recipes.current, recipes.names)
        if question.exec() == QDialog.DialogCode.Accepted:
            recipes.save(question.value.name, question.value.note)

    def ask_reason(self, presenter: InspectPresenter | RecordPresenter, disposition: Disposition) -> None:
        """By dialog; without a reason nothing is recorded. Others may come on screen while it is open."""
        record = presenter.record
        question = ReasonQuestion(self._window, disposition)
        if question.exec() == QDialog.DialogCode.Accepted and question.value:
            presenter.dispose(disposition, question.value, record)

    def show_in_history(self, record: InspectionRecord) -> None:
        """A result of the strip, shown again."""
        self._window.stack.setCurrentIndex(2)
        self._shell.history_record.show_record(record)

    # Batch and History

    def batch_folder(self) -> None:
        """By dialog."""
        if path := self._dialogs.open_folder("Folder of test images"):
            self._shell.batch.choose_folder(path)

    def batch_golden(self) -> None:
        """By dialog."""
        if path := self._dialogs.open_file("Golden for the batch", IMAGES):
            self._shell.batch.choose_golden(path)

    def batch_golden_folder(self) -> None:
        """By dialog."""
        if path := self._dialogs.open_folder("Folder of goldens of the same names"):
            self._shell.batch.choose_golden(path)

    def batch_truth(self) -> None:
        """By dialog."""
        if path := self._dialogs.open_folder("Folder of annotations"):
            self._shell.batch.change(truth=path)

    def export(self, write: object, name: str, defects: bool) -> None:
        """By dialog, as CSV."""
        assert callable(write)
        suggestion = f"{name}-defects.csv" if defects else f"{name}.csv"
        if path := self._dialogs.save_file("Export as CSV", suggestion, CSV):
            write(path, defects=defects)

    def export_current(self, defects: bool) -> None:
        """Of the page on top."""
        page = self._window.stack.currentWidget()
        if page is self._shell.batch_page:
            self.export(self._shell.batch.export, "batch", defects)
        else:
            self.export(self._shell.history.export, "history", defects)

    # Window

    def show_keys(self) -> None:
        """Those of the page on top."""
        KeysHelp(self._window, *self.keys[self._window.stack.currentIndex()]).exec()


def _tick(menu: QMenu, text: str, ticked: bool) -> QAction:
    action = menu.addAction(text)
    action.setCheckable(True)
    action.setChecked(ticked)
    return action
