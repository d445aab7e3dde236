"""Open a model on TensorRT, or say why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs

from inspector_app.core.protocols import Refusal
from inspector_app.engines.models import Model
from inspector_app.engines.tensorrt.bindings import load_cuda, load_tensorrt
from inspector_app.engines.tensorrt.device import Card, Cuda
from inspector_app.engines.tensorrt.engine import TensorRtEngine
from inspector_app.engines.tensorrt.library import BuildRules, PlanLibrary
from inspector_app.engines.tensorrt.plans import PlanStore


def open_tensorrt(
    model: Model,
    cache_folder: Path,
    refusals: tuple[Refusal, ...] = (),
    rules: BuildRules | None = None,
    device: int = 0,
) -> TensorRtEngine:
    """Open ``model`` with plans from ``cache_folder``, which belongs to this program alone.

    Plans that are missing, stale, foreign or damaged are built first, in a process of their own: minutes for a
    large network. ``rules`` tells how, follows the progress and cancels; with ``may_build=False`` the engine
    refuses instead, so that another serves meanwhile.

    Raises:
        KeeperError: ``engine_missing``, ``engine_too_old``, ``gpu_missing``, ``plan_missing``, and all that
            ``TensorRtEngine`` raises.
    """
    trt = load_tensorrt()
    cuda = Cuda(load_cuda(), device)
    card = cuda.card()
    library = _library(model, cache_folder, rules, trt, card)
    return TensorRtEngine(trt, cuda, library, model.manifest, card, refusals)


def prepare_plans(model: Model, cache_folder: Path, rules: BuildRules | None = None, device: int = 0) -> None:
    """Build the plans for the manifest's size where they are missing, without opening an engine.

    For a background job while another engine serves: once it is done, ``open_tensorrt`` takes a second.

    Raises:
        KeeperError: as ``open_tensorrt``; ``plan_cancelled``.
    """
    trt = load_tensorrt()
    card = Cuda(load_cuda(), device).card()
    size = model.manifest.input
    _library(model, cache_folder, rules, trt, card).get(size.height, size.width)


def find_card(device: int = 0) -> tuple[Card, str]:
    """The GPU that would serve, and TensorRT's version.

    Raises:
        KeeperError: ``engine_missing``, ``engine_too_old``, ``gpu_missing``, ``engine_failed``.
    """
    trt = load_tensorrt()
    return Cuda(load_cuda(), device).card(), str(trt.__version__)


def plan_folder() -> Path:
    """Where this user's plans lie; nothing is lost with it."""
    return Path(platformdirs.user_cache_dir("inspector-app", appauthor=False)) / "tensorrt"


def _library(model: Model, cache_folder: Path, rules: BuildRules | None, trt: Any, card: Card) -> PlanLibrary:
    store = PlanStore(cache_folder)
    return PlanLibrary(model, store, str(trt.__version__), card, rules or BuildRules())
