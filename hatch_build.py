"""Build hook: what lies beside the package in the checkout travels inside it in the wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("resources", "models/generic")
"""Folders of the checkout that the installed app needs. Only freely licensed models may stand here."""


class ShippedFolders(BuildHookInterface[Any]):
    """Maps ``SHIPPED`` into ``inspector_app/``; an editable install reads them in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds a wheel."""
        if version == "editable":
            return
        for folder in SHIPPED:
            source = Path(self.root) / folder
            if not any(source.rglob("*.*")):
                raise FileNotFoundError(f"the wheel needs {source}, which is missing or empty")
            build_data["force_include"][str(source)] = f"inspector_app/{folder}"
