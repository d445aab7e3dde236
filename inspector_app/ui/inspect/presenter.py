"""What happens on the Inspect page: which pair is on it, what was recorded, what a preview would say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from inspector_app.core.defects import Defect
from inspector_app.core.errors import OperatorError
from inspector_app.core.inspection import (
    DispositionEntry,
    Identity,
    InspectionRecord,
    InspectionRequest,
)
from inspector_app.core.recipe import Limits
from inspector_app.core.verdict import Disposition, open_decisions
from inspector_app.services.inspect import Watch
from inspector_app.ui.engine import EnginePresenter
from inspector_app.ui.inspect.request import request_for
from inspector_app.ui.inspect.setup import Setup, needs_the_network, what_decides
from inspector_app.ui.jobs import Failure
from inspector_app.ui.tools import ENGINE_LANE, PICTURE_LANE, PREVIEW_LANE, RECORD_LANE, Tools
from inspector_app.ui.work import (
    Inspected,
    Judged,
    OpenedTest,
    Shown,
    TruthImage,
    frame_as_golden,
    inspect_and_record,
    judge_again,
    open_golden,
    open_test,
    open_truth,
)


class InspectPresenter(QObject):
    """One pair at a time. Views read its attributes after its signals; nothing here knows a widget."""

    pair_changed = Signal()
    outcome_changed = Signal()
    setup_changed = Signal()
    busy_changed = Signal(bool)
    part_done = Signal(float)
    recorded = Signal(object)
    disposed = Signal(object)
    identity_taken = Signal()

    def __init__(
        self, tools: Tools, engine: EnginePresenter, mask_colour: str, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._tools = tools
        self._engine = engine
        self._colour = mask_colour
        self.golden: Shown | None = None
        self.test: Shown | None = None
        self.truth: TruthImage | None = None
        self.setup = Setup()
        self.identity = Identity()
        self.outcome: Inspected | None = None
        self.preview: Judged | None = None
        self.chosen: int | None = None
        self.busy = False
        self.not_recorded = ""
        self._pair_token = 0
        self._again: Identity | None = None
        self._waiting = False
        self._goldens: tuple[Shown, ...] = ()
        engine.changed.connect(self._engine_changed)

    # The pair

    def open_golden(self, path: Path) -> None:
        """Read a golden; leaves the recipe, whose goldens it replaces."""
        archive = self._tools.inspector.archive
        self._tools.runner.submit(
            PICTURE_LANE,
            lambda context: open_golden(archive, path),
            self.set_golden,
            self._tools.errors.failure,
        )

    def set_golden(self, shown: Shown) -> None:
        """Compare with this from now on."""
        self._change_goldens((shown,), self.setup.without_recipe())

    def _change_goldens(self, goldens: tuple[Shown, ...], setup: Setup) -> None:
        """A test image that waited for its golden is inspected; one that has its verdict, or is live, waits
        for a person, so that no unit gets an attempt unasked."""
        self.golden, self._goldens = goldens[0], goldens
        self._set_setup(setup)
        self._follow_model()
        self.forget_outcome()
        self._inspect_if_waiting()

    def use_recipe(self, setup: Setup, goldens: tuple[Shown, ...]) -> None:
        """Take a recipe over with its goldens; each test image is compared with the closest of them."""
        self._change_goldens(goldens, setup)

    def keep_as_recipe(self, setup: Setup, goldens: tuple[Shown, ...]) -> None:
        """What is on screen was saved: the revision is in use, the verdict stays."""
        self.golden, self._goldens = goldens[0], goldens
        self._set_setup(setup)
        self.pair_changed.emit()

    def use_test_as_golden(self) -> None:
        """The frame on the right becomes the golden."""
        if self.test is None:
            self._say("no_test", "There is no test image to use as golden.")
            return
        archive, frame = self._tools.inspector.archive, self.test.frame
        self._tools.runner.submit(
            PICTURE_LANE,
            lambda context: frame_as_golden(archive, frame),
            self._test_became_golden,
            self._tools.errors.failure,
        )

    def _test_became_golden(self, shown: Shown) -> None:
        if self.test is not None and self.test.frame.name == shown.frame.name:
            self.test = self.truth = None
        self.set_golden(shown)

    def open_test(self, path: Path) -> None:
        """Read a test image, look for its annotation beside it, and inspect it if there is a golden."""
        self._tools.runner.submit(
            PICTURE_LANE,
            lambda context: open_test(path),
            self._test_opened,
            lambda failure: self._test_not_opened(path, failure),
        )

    def _test_opened(self, opened: OpenedTest) -> None:
        self.set_test(opened.shown, opened.truth)
        self._waiting = True
        if opened.truth_error is not None:
            self._tools.errors.error(opened.truth_error)
        self._inspect_if_waiting()

    def _test_not_opened(self, path: Path, failure: Failure) -> None:
        """The part before must not stand for this one, in the picture or by its verdict."""
        if failure.error is not None:
            self.test = self.truth = None
            self._waiting = False
            self._nothing_recorded(failure, f"{path.name}: ")
        self._tools.errors.failure(failure)

    def set_test(self, shown: Shown, truth: TruthImage | None = None) -> None:
        """Show another test image, not yet inspected."""
        self.test, self.truth, self._waiting = shown, truth, False
        self._follow_model()
        self.forget_outcome()

    def open_truth(self, path: Path) -> None:
        """Read an annotation for the test image on screen, and measure again."""
        if self.test is None:
            self._say("no_test", "Open a test image before its annotation.")
            return
        frame = self.test.frame
        self._tools.runner.submit(
            PICTURE_LANE,
            lambda context: open_truth(path, frame),
            self._truth_opened,
            self._tools.errors.failure,
        )

    def _truth_opened(self, truth: TruthImage) -> None:
        self.truth = truth
        self.pair_changed.emit()
        self.inspect()

    def forget_outcome(self) -> None:
        """Take the verdict from the screen, since what gave it has changed; its record stays."""
        self._pair_token += 1
        self.outcome = self.preview = self.chosen = None
        self.not_recorded = ""
        self.pair_changed.emit()
        self.outcome_changed.emit()

    def _inspect_if_waiting(self) -> None:
        """A test image that a person opened is inspected as soon as golden and engine are there."""
        there = None not in (self.golden, self.test, self._engine.service)
        if self._waiting and there and self.outcome is None:
            self.inspect()

    # Inspecting

    def can_inspect(self, *, with_test: bool = True) -> bool:
        """Whether golden, engine and (``with_test``) a test image are there and nothing is under way."""
        there = self.golden is not None and self._engine.service is not None and not self.busy
        return there and (self.test is not None or not with_test)

    def inspect(self, shown: Shown | None = None, identity: Identity | None = None) -> bool:
        """Inspect the test image on screen, or ``shown``; False when something is missing, which is told.

        ``identity`` is given where the unit is not the one whose serial is entered now.
        """
        if shown is not None:
            self.test, self.truth = shown, None
        request = self._request(identity or self.identity)
        service = self._engine.service
        if request is None or service is None:
            return False
        if identity is None:
            self.identity_taken.emit()
        if self.busy:
            self._again = request.identity
            return False
        assert self.test is not None
        test, goldens, colour = self.test, self._goldens, self._colour
        self._waiting = False
        self._pair_token = token = self._pair_token + 1
        self._set_busy(True)
        self._tools.runner.submit(
            ENGINE_LANE,
            lambda context: inspect_and_record(
                service, request, test, goldens, colour, Watch(context.report, context.cancelled)
            ),
            lambda inspected: self._inspected(inspected, token),
            lambda failure: self._inspect_failed(failure, token),
            progress=self.part_done.emit,
        )
        return True

    def _request(self, identity: Identity) -> InspectionRequest | None:
        try:
            return request_for(self.golden, self.test, self._engine, self.setup, identity, self.truth)
        except OperatorError as missing:
            self._tools.errors.error(missing)
            return None

    def _inspected(self, inspected: Inspected, token: int) -> None:
        self._set_busy(False)
        if token == self._pair_token:
            self.outcome, self.preview, self.not_recorded = inspected, None, ""
            self.test, self.golden = inspected.shown, inspected.golden
            self.chosen = None
            self.pair_changed.emit()
            self.outcome_changed.emit()
            self._preview_if_differs()
        self.recorded.emit(inspected.record)
        self._inspect_again()

    def _inspect_again(self) -> None:
        """What was asked for while the engine was busy."""
        identity, self._again = self._again, None
        if identity is not None:
            self.inspect(None, identity)

    def _inspect_failed(self, failure: Failure, token: int) -> None:
        """The unit before must not lend its verdict to one that has none."""
        self._again = None
        self._set_busy(False)
        if token == self._pair_token and failure.error is not None:
            self._nothing_recorded(failure)
        self._tools.errors.failure(failure)

    def _nothing_recorded(self, failure: Failure, what: str = "") -> None:
        self.forget_outcome()
        told = str(getattr(failure.error, "message", "")) or "Inspector broke; see the message."
        self.not_recorded = what + told
        self.outcome_changed.emit()

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        self.busy_changed.emit(busy)

    # Limits, regions, preview

    def set_limits(self, limits: Limits) -> None:
        """Judge under other limits at once; nothing is inferred again."""
        self._set_setup(self.setup.with_limits(limits))

    def set_setup(self, setup: Setup) -> None:
        """Take over a whole set-up: a recipe's, drawn regions, or a reset."""
        self._set_setup(setup)
        self._follow_model()

    def _set_setup(self, setup: Setup) -> None:
        if setup == self.setup:
            return
        self.setup = setup
        self.setup_changed.emit()
        self._preview_if_differs()

    def _engine_changed(self) -> None:
        self._follow_model()
        self._inspect_if_waiting()

    def _follow_model(self) -> None:
        service = self._engine.service
        if service is not None:
            size = (self.test.frame.width, self.test.frame.height) if self.test else None
            self._set_setup(self.setup.following(service.engine.manifest, size))

    def _preview_if_differs(self) -> None:
        if self.outcome is None or self.outcome.judged.result.change_map is None:
            return
        recorded, settings, colour = self.outcome.judged, self.setup.on_screen, self._colour
        result = recorded.result
        if what_decides(settings) == what_decides(result.request.settings):
            self._drop_preview()
            return
        if needs_the_network(settings) != needs_the_network(result.request.settings):
            # Nothing can be said without the network, and what was said before holds no more.
            self._drop_preview()
            return
        token = self._pair_token
        self._tools.runner.submit(
            PREVIEW_LANE,
            lambda context: judge_again(recorded, settings, colour),
            lambda judged: self._previewed(judged, token),
            self._tools.errors.failure,
            key="preview",
        )

    def _drop_preview(self) -> None:
        if self.preview is not None:
            self.preview, self.chosen = None, None
            self.outcome_changed.emit()

    def _previewed(self, judged: Judged, token: int) -> None:
        if token != self._pair_token or judged.result.request.settings != self.setup.on_screen:
            return
        self.preview, self.chosen = judged, None
        self.outcome_changed.emit()

    @property
    def shown(self) -> Judged | None:
        """What the overlay shows: the preview while there is one, else what was recorded."""
        return self.preview or (self.outcome.judged if self.outcome else None)

    # Defects

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Of what is shown, the largest first."""
        return self.shown.result.defects if self.shown else ()

    def step_defect(self, step: int) -> Defect | None:
        """Choose the next or previous defect, around the end; None when there is none."""
        if not self.defects:
            return None
        start = -1 if self.chosen is None and step > 0 else (self.chosen or 0)
        self.chosen = (start + step) % len(self.defects)
        self.outcome_changed.emit()
        return self.defects[self.chosen]

    # People

    @property
    def record(self) -> InspectionRecord | None:
        """The one whose verdict is on screen."""
        return self.outcome.record if self.outcome is not None else None

    @property
    def decisions(self) -> frozenset[Disposition]:
        """What a person can decide on the unit on screen."""
        return frozenset() if self.record is None else open_decisions(self.record.verdict)

    def dispose(self, disposition: Disposition, reason: str = "", of: InspectionRecord | None = None) -> None:
        """Record a person's decision on ``of``, or on the unit on screen."""
        record = of or self.record
        if record is None or disposition not in open_decisions(record.verdict):
            return
        record_id = record.id
        entry = DispositionEntry(
            disposition, self.identity.operator, reason, self._tools.inspector.clock.now()
        )
        store = self._tools.inspector.store
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: store.dispose(record_id, entry),
            self._disposed,
            self._tools.errors.failure,
        )

    def _disposed(self, record: InspectionRecord) -> None:
        if self.outcome is not None and self.outcome.record.id == record.id:
            self.outcome = replace(self.outcome, record=record)
            self.outcome_changed.emit()
        self.disposed.emit(record)

    def set_identity(self, identity: Identity) -> None:
        """Who and what the next inspection is of."""
        self.identity = identity

    def _say(self, code: str, text: str, hint: str = "") -> None:
        self._tools.errors.error(OperatorError(code, text, hint))
