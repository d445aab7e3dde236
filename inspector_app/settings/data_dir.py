"""Where the station keeps its data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import platformdirs

VARIABLE = "INSPECTOR_DATA"


def data_dir(cli_value: Path | None, env: Mapping[str, str]) -> Path:
    """The absolute data folder, which need not exist yet.

    Args:
        cli_value: what ``--data-dir`` said; it comes first.
        env: the environment, whose ``INSPECTOR_DATA`` comes second; empty counts as unset. Without either
            it is the platform's folder for the user's data.
    """
    chosen = cli_value or (Path(env[VARIABLE]) if env.get(VARIABLE) else None)
    if chosen is None:
        chosen = Path(platformdirs.user_data_dir("inspector-app", appauthor=False))
    return chosen.expanduser().absolute()
