"""The one place that wires the parts together."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inspector_app import __version__
from inspector_app.core.clock import SystemClock
from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.protocols import ChangeEngine, Clock, HistoryFilter, ImageArchive, RecordStore
from inspector_app.core.retention import Retention
from inspector_app.core.verdict import Verdict
from inspector_app.engines.failover import EngineSwitch
from inspector_app.engines.models import MANIFEST, Model, available_models, find_model, read_manifest
from inspector_app.engines.registry import EngineChoice, open_engine
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.opening import plan_folder, prepare_plans
from inspector_app.services.batch import BatchService
from inspector_app.services.inspect import InspectionService
from inspector_app.services.model_variants import Shelf
from inspector_app.services.recipes import RecipeService
from inspector_app.settings.app_settings import AppSettings, load_settings, save_settings
from inspector_app.settings.data_dir import data_dir as choose_data_dir
from inspector_app.storage.archive import FileImageArchive
from inspector_app.storage.store import SqlRecordStore

SETTINGS_FILE = "settings.json"
DATABASE_FILE = "inspector.sqlite3"
PACKAGE = Path(__file__).resolve().parent
log = logging.getLogger(__name__)


@dataclass
class Inspector:
    """The wired program. ``settings`` are as they were read or last saved."""

    data_dir: Path
    settings: AppSettings
    store: RecordStore
    archive: ImageArchive
    clock: Clock
    recipes: RecipeService

    def models(self) -> dict[str, Path]:
        """Name to folder of every model that is installed."""
        return available_models(self._model_folders())

    def lasting_models(self) -> dict[str, Path]:
        """Those of ``models`` that are found wherever the program is started."""
        return available_models(_lasting_folders(self.data_dir))

    def is_found_everywhere(self, name: str) -> bool:
        """Whether ``find_model`` finds it wherever the program is started."""
        return Path(name).is_absolute() or name in self.lasting_models()

    @property
    def own_models(self) -> Path:
        """The station's own models."""
        return self.data_dir / "models"

    @property
    def shelf(self) -> Shelf:
        """Where variants of models are put."""
        return Shelf(self.models(), self.own_models)

    def find_model(self, name: str) -> Model:
        """A model by name or path.

        Raises:
            KeeperError: see ``engines.models.find_model``.
        """
        return find_model(name, self._model_folders())

    def variants(self, model: Model) -> dict[str, Path]:
        """Name to folder of every installed model that was optimised from ``model``.

        A folder whose manifest cannot be read is no variant of anything.
        """
        found: dict[str, Path] = {}
        for name, folder in self.models().items():
            with contextlib.suppress(KeeperError):
                manifest = read_manifest(folder / MANIFEST)
                if manifest.optimised_from == model.manifest.sha256:
                    found[name] = folder
        return found

    def open_service(
        self,
        model: str,
        choice: EngineChoice = EngineChoice.AUTO,
        threads: int = 0,
        parallel: int = 1,
        building: BuildRules | None = None,
    ) -> InspectionService:
        """Load a model on the best engine; takes seconds, and minutes where ``building`` is needed. For
        ``threads``, ``parallel`` and ``building`` see ``open_engine``.

        Raises:
            KeeperError: the model is missing or damaged, or no engine runs it.
        """

        def on_switch(switch: EngineSwitch) -> None:
            try:
                self.store.add_event(
                    "engine", f"{switch.before} gave up, {switch.after} serves: {switch.reason}"
                )
            except InspectorError as error:
                # The image in hand is more than the note of the switch, which the log has too.
                log.warning("the switch of engines is not in the records: %s", error)

        engine = open_engine(self.find_model(model), choice, threads, on_switch, parallel, building)
        retention = Retention(every_nth_pass=self.settings.every_nth_pass)
        passes = self.store.counters(HistoryFilter(live_only=True)).of(Verdict.PASS)
        return InspectionService(engine, self.store, self.archive, self.clock, retention, passes)

    def build_plans(self, model: str, rules: BuildRules) -> None:
        """Build what TensorRT lacks to run ``model``; takes minutes, in a process of its own.

        Raises:
            KeeperError: see ``prepare_plans``; ``plan_cancelled``.
        """
        prepare_plans(self.find_model(model), plan_folder(), rules)

    def service_of(self, engine: ChangeEngine) -> InspectionService:
        """The line over an engine that is open already, to measure with."""
        return InspectionService(engine, self.store, self.archive, self.clock)

    def batch(self, service: InspectionService) -> BatchService:
        """Batch scoring through ``service``."""
        return BatchService(service, self.store, self.clock)

    def save_settings(self, settings: AppSettings) -> None:
        """Write and use new settings.

        Raises:
            KeeperError: when the file cannot be written.
        """
        save_settings(self.data_dir / SETTINGS_FILE, settings)
        self.settings = settings

    def demo_folder(self) -> Path:
        """The bundled demo set."""
        return shipped("resources") / "demo"

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def _model_folders(self) -> list[Path]:
        return model_folders(self.data_dir)


def shipped(name: str) -> Path:
    """A top-level folder that travels with the program: inside the installed package, or in a checkout."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def model_folders(data_dir: Path) -> list[Path]:
    """Where models are looked for: the shipped ones, the station's own, and ``models`` where the program was
    started, so that a checkout's research-only models are found by an installed program too."""
    return [*_lasting_folders(data_dir), Path("models")]


def _lasting_folders(data_dir: Path) -> list[Path]:
    return [shipped("models"), data_dir / "models"]


def open_inspector(
    data_dir: Path | None = None, environment: Mapping[str, str] | None = None, only_look: bool = False
) -> Inspector:
    """Open (and on first use make) the data folder and wire the program over it.

    With ``only_look`` a folder that may not be written serves too, as far as nothing is to be recorded.

    Raises:
        KeeperError: the folder cannot be made, the settings are wrong, or the database cannot be opened.
    """
    folder = choose_data_dir(data_dir, os.environ if environment is None else environment)
    settings = load_settings(folder / SETTINGS_FILE)
    clock = SystemClock()
    archive = FileImageArchive(folder / "images")
    store = SqlRecordStore(folder / DATABASE_FILE, clock, __version__, only_look=only_look)
    return Inspector(folder, settings, store, archive, clock, RecipeService(store, archive))
