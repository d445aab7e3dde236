"""What every presenter is given."""

from __future__ import annotations

from dataclasses import dataclass

from inspector_app.bootstrap import Inspector
from inspector_app.ui.errors import ErrorFunnel
from inspector_app.ui.jobs import JobRunner

ENGINE_LANE = "engine"
"""Loading, inferring and batches share one thread: the network runs one at a time."""
PICTURE_LANE = "pictures"
"""Reading images for the screen."""
PREVIEW_LANE = "preview"
"""Judging again."""
RECORD_LANE = "records"
"""Questions to the store."""
LIVE_LANE = "live"
"""The camera."""
PLAN_LANE = "plans"
"""Waiting for the process that builds TensorRT's plans."""


@dataclass(frozen=True, eq=False)
class Tools:
    """The wired program, the door for background work and the funnel for faults."""

    inspector: Inspector
    runner: JobRunner
    errors: ErrorFunnel
