"""Read TAO's experiment spec: YAML with ``${...}`` references, and overrides, by OmegaConf (as TAO does)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from inspector_app.core.errors import KeeperError
from inspector_app.core.problems import problem_lines
from inspector_app.core.tao_spec.experiment import NEEDED, Experiment, Task


class SpecError(KeeperError):
    """A spec that cannot be used: ``spec_missing``, ``spec_unreadable`` or ``spec_invalid``."""


def read_spec(path: Path, overrides: Sequence[str], task: Task) -> Experiment:
    """Read a spec for ``task``.

    Args:
        path: YAML or JSON.
        overrides: ``key.path=value`` each, the value in YAML; they win over the file.
        task: decides which keys are needed.

    Raises:
        SpecError: the file is missing or no YAML, or keys are unknown, unsupported, missing or wrong; every such
            key is named with its full path, all in one message.
    """
    given = _merged(_file(path), overrides)
    problems: list[str] = []
    plain = dict(_resolved(given, _with_defaults(given), "", problems))
    experiment = _validated(plain, problems)
    told = {problem.partition(":")[0] for problem in problems}
    problems += [
        f"{name}: is missing" for name in NEEDED[task] if name not in told and not _value(plain, name)
    ]
    if problems or experiment is None:
        raise SpecError("spec_invalid", f"The spec {path} is wrong: {'; '.join(problems)}.")
    return experiment


def _file(path: Path) -> DictConfig:
    try:
        loaded = OmegaConf.load(path)
    except FileNotFoundError as error:
        raise SpecError("spec_missing", f"There is no spec {path}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise SpecError(
            "spec_unreadable", f"The spec {path} cannot be read: {' '.join(str(error).split())}."
        ) from error
    if not isinstance(loaded, DictConfig):
        raise SpecError("spec_unreadable", f"The spec {path} holds a list; keys are expected.")
    return loaded


def _merged(loaded: DictConfig, overrides: Sequence[str]) -> DictConfig:
    merged = loaded
    for text in overrides:
        # Hydra, which reads TAO's command lines, marks keys that the file lacks with a plus.
        name, equals, _ = text.lstrip("+").partition("=")
        if not equals or not name.strip():
            raise SpecError(
                "spec_invalid", f"“{text}” is no override.", "Overrides are written key.path=value."
            )
        try:
            merged = _over(merged, OmegaConf.from_dotlist([text.lstrip("+")]))
        except (yaml.YAMLError, OmegaConfBaseException) as error:
            raise SpecError(
                "spec_invalid", f"The override “{text}” cannot be read: {_first(error)}."
            ) from error
    return merged


def _with_defaults(given: DictConfig) -> DictConfig:
    """The spec over all defaults, so that a reference finds a key that was not given."""
    defaults = OmegaConf.create(Experiment().model_dump(mode="json"))
    return _over(defaults, given)


def _over(below: DictConfig, above: DictConfig) -> DictConfig:
    merged = OmegaConf.merge(below, above)
    assert isinstance(merged, DictConfig)
    return merged


def _resolved(
    given: DictConfig, merged: DictConfig, within: str, problems: list[str]
) -> Iterator[tuple[str, Any]]:
    """The given keys alone, references replaced; one that is ``???`` counts as not given."""
    for name in given:
        path = f"{within}.{name!s}" if within else str(name)
        if OmegaConf.is_missing(given, name):
            continue
        inner = given._get_node(name)
        try:
            value = merged[name]
            if (
                isinstance(inner, DictConfig)
                and isinstance(value, DictConfig)
                and not inner._is_interpolation()
            ):
                yield str(name), dict(_resolved(inner, value, path, problems))
            elif isinstance(value, DictConfig | ListConfig):
                yield str(name), OmegaConf.to_container(value, resolve=True)
            else:
                yield str(name), value
        except OmegaConfBaseException as error:
            problems.append(f"{path}: {_first(error)}")


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _validated(plain: dict[str, Any], problems: list[str]) -> Experiment | None:
    try:
        return Experiment.model_validate(plain)
    except ValidationError as error:
        problems += problem_lines(error, Experiment)
        return None


def _value(plain: dict[str, Any], path: str) -> object:
    found: Any = plain
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
