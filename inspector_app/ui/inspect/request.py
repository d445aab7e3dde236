"""What is asked of the inspection service for the pair on screen, or what is missing to ask it."""

from __future__ import annotations

from inspector_app.core.errors import OperatorError
from inspector_app.core.inspection import Identity, ImageRef, InspectionRequest
from inspector_app.ui.engine import EnginePresenter
from inspector_app.ui.inspect.setup import Setup
from inspector_app.ui.work import Shown, TruthImage


def request_for(
    golden: Shown | None,
    test: Shown | None,
    engine: EnginePresenter,
    setup: Setup,
    identity: Identity,
    truth: TruthImage | None,
) -> InspectionRequest:
    """The request for the test image on screen.

    Raises:
        OperatorError: ``no_golden``, ``no_test`` or ``no_engine``: it is not there yet.
    """
    if golden is None:
        raise OperatorError(
            "no_golden", "There is no golden to compare with.", "Open one, or choose a recipe."
        )
    if test is None:
        raise OperatorError("no_test", "There is no test image yet.", "Open one, or start a live source.")
    if engine.service is None:
        loading = f"The model {engine.model} is still being loaded."
        nothing = "No model is loaded, so nothing can be inspected."
        raise OperatorError("no_engine", loading if engine.loading else nothing)
    return InspectionRequest(
        test=test.frame,
        image=ImageRef.of(test.frame),
        golden=golden.frame,
        golden_ref=ImageRef.of(golden.frame),
        settings=setup.deciding,
        identity=identity,
        truth=truth.mask if truth else None,
        truth_ref=truth.ref if truth else None,
        keep_image=True,
    )
