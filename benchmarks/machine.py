"""Where and when a figure was taken, and what the packages were."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "inspector-app",
    "onnxruntime-gpu",
    "onnxruntime",
    "openvino",
    "torch",
    "numpy",
    "opencv-python-headless",
)


def describe() -> dict[str, object]:
    """The machine, the date and the versions."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def processor() -> str:
    """The processor's name, as Linux tells it in /proc/cpuinfo."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write_json(path: Path | None, report: dict[str, object]) -> None:
    """Write a report with the machine's description, if a file is wanted."""
    if path is not None:
        path.write_text(json.dumps({"machine": describe(), **report}, indent=1) + "\n", encoding="utf-8")
        print(f"written: {path}")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
