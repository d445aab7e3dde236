"""The names that are used exist in the real bindings, and the stand-ins have exactly those."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from pathlib import Path

import pytest

from inspector_app.engines.tensorrt import surface
from tests.engines.read_tensorrt_names import REMOVED, TARGET, read_surface
from tests.engines.tensorrt_stand_in import stand_ins

TENSORRT = ("tensorrt 10.12", "tensorrt 11.4")
CUDA = ("cuda 13.0", "cuda 13.5")
PACKAGE = Path(surface.__file__).parent
EVERY_NAME = (*surface.TENSORRT, *surface.TENSORRT_IMPLEMENTED)


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    return read_surface(TARGET)


@pytest.mark.parametrize("version", TENSORRT)
def test_every_name_of_tensorrt_is_in_the_wheel(known: dict[str, set[str]], version: str) -> None:
    there = {name for name, versions in known.items() if version in versions}
    assert not {part for name in EVERY_NAME for part in name.split(".")} - there


def test_members_belong_to_the_classes_that_they_are_called_on(known: dict[str, set[str]]) -> None:
    """A binding documents methods by class. Properties and values have no such record, and are found bare."""
    documented = {name for name in known if "." in name}
    owners = {name.split(".")[0] for name in documented}
    unconfirmed = {
        name for name in EVERY_NAME if "." in name and name.split(".")[0] in owners and name not in documented
    }
    assert unconfirmed == {
        "BuilderFlag.TF32",
        "DataType.itemsize",
        "IBuilderConfig.progress_monitor",
        "ICudaEngine.create_execution_context",
        "ICudaEngine.num_io_tensors",
        "ILogger.Severity",
        "ILogger.Severity.ERROR",
        "ILogger.Severity.INTERNAL_ERROR",
        "ILogger.Severity.WARNING",
        "INetworkDefinition.num_outputs",
        "IOptimizationProfile.set_shape",
        "ITensor.name",
        "MemoryPoolType.WORKSPACE",
        "NetworkDefinitionCreationFlag.STRONGLY_TYPED",
        "OnnxParser.get_error",
        "OnnxParser.num_errors",
        "OnnxParser.parse",
        "OnnxParser.parse_from_file",
        "TensorIOMode.INPUT",
        "TensorLocation.DEVICE",
    }


def test_the_list_tells_names_that_were_removed(known: dict[str, set[str]]) -> None:
    assert [known[name] for name in REMOVED] == [{"tensorrt 10.12"}] * len(REMOVED)


@pytest.mark.parametrize("version", CUDA)
def test_every_name_of_cuda_is_in_the_wheel(known: dict[str, set[str]], version: str) -> None:
    assert not {name for name in surface.CUDA if version not in known.get(name, set())}


def test_the_code_uses_no_name_beyond_the_lists() -> None:
    """What is called on TensorRT's and CUDA's objects, by the way that this package names them."""
    source = "\n".join(path.read_text() for path in PACKAGE.glob("*.py") if path.name != "surface.py")
    called = set(re.findall(r"\btrt\.([A-Za-z_]\w*(?:\.[A-Z]\w*)*)", source))
    called |= {
        name
        for holder in ("builder", "network", "config", "profile", "parser", "runtime", r"self\._runtime")
        for name in re.findall(rf"(?<![\w.]){holder}\.([a-z_]\w*)\(", source)
    }
    called |= set(re.findall(r"self\._(?:engine|context)\.(\w+)", source))
    cuda = {
        name
        for pair in re.findall(r'(?:_call\(\s*|_runtime\.)"?(cuda\w+)|"(cudaMemcpy\w+)"', source)
        for name in pair
        if name
    }
    names = {part for name in EVERY_NAME for part in (name, name.split(".")[-1])}
    names |= {part for name in surface.CUDA for part in (name, *name.split("."))}
    assert len(called) > 25
    assert len(cuda) > 15
    assert not (called | cuda) - names


def test_the_stand_ins_have_exactly_the_surface() -> None:
    with stand_ins():
        import tensorrt
        from cuda.bindings import runtime

        assert _public(tensorrt) | {"__version__"} == _expected(EVERY_NAME)
        assert _public(runtime) == _expected(surface.CUDA)


def _expected(names: Iterable[str]) -> set[str]:
    """The names, and the classes that hold them."""
    found = set()
    for name in names:
        parts = name.split(".")
        found |= {".".join(parts[: length + 1]) for length in range(len(parts))}
    return found


def _public(module: types.ModuleType) -> set[str]:
    found = set()
    for name, value in vars(module).items():
        own = getattr(value, "__module__", module.__name__).startswith(module.__name__)
        if name.startswith("_") or isinstance(value, types.ModuleType) or not own or name == "annotations":
            continue
        found.add(name)
        if isinstance(value, type):
            found |= {f"{name}.{member}" for member in _members(value)}
    return found


def _members(kind: type) -> set[str]:
    made = set(vars(kind()) if kind.__name__ == "cudaDeviceProp" else ())
    found = {name for name in {*vars(kind), *made} if not name.startswith("_")}
    if issubclass(kind, int | bytes) or hasattr(kind, "__members__"):
        found = {name for name in getattr(kind, "__members__", found) if not name.startswith("_")}
    for name in tuple(found):
        inner = vars(kind).get(name)
        if isinstance(inner, type):
            found |= {f"{name}.{member}" for member in _members(inner)}
    return found
