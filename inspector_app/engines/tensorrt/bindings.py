"""Import TensorRT and CUDA lazily, and say in plain words why one of them does not serve."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

from inspector_app.core.errors import KeeperError
from inspector_app.engines.sentences import first_line

OLDEST = (10, 12)
"""The first TensorRT whose networks are strongly typed in the way that this package builds them."""

INSTALL = "pip install 'inspector-app[tensorrt]'"


def load_tensorrt() -> Any:
    """The ``tensorrt`` module.

    Raises:
        KeeperError: ``engine_missing`` when it is not installed or its libraries are not found,
            ``engine_too_old``.
    """
    if importlib.util.find_spec("tensorrt") is None:
        raise KeeperError("engine_missing", "the tensorrt package is not installed", INSTALL)
    try:
        import tensorrt
    except (ImportError, OSError) as error:
        # The bindings come without the libraries; Windows tells so by FileNotFoundError.
        said = first_line(error)
        what = "libnvinfer not found" if "nvinfer" in said else "tensorrt cannot be imported"
        raise KeeperError("engine_missing", f"{what} ({said})", INSTALL) from error
    if version_of(tensorrt) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise KeeperError(
            "engine_too_old", f"TensorRT {tensorrt.__version__} is too old, {oldest} is needed", INSTALL
        )
    return tensorrt


def version_of(tensorrt: Any) -> tuple[int, int]:
    """Major and minor, (0, 0) when the version is not of that form."""
    found = re.match(r"(\d+)\.(\d+)", str(getattr(tensorrt, "__version__", "")))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def load_cuda() -> Any:
    """The ``cuda.bindings.runtime`` module.

    Raises:
        KeeperError: ``engine_missing``.
    """
    try:
        from cuda.bindings import runtime
    except (ImportError, OSError) as error:
        raise KeeperError(
            "engine_missing", f"cuda-python not found ({first_line(error)})", INSTALL
        ) from error
    return runtime
