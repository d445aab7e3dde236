"""Print the requirements of pyproject.toml for a bundle that computes on the CPU."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def cpu_requirements(dependencies: list[str]) -> list[str]:
    """``dependencies`` with onnxruntime on every platform in the place of onnxruntime-gpu."""
    kept = [line for line in dependencies if not line.startswith("onnxruntime-gpu")]
    return [line.partition(";")[0].strip() if line.startswith("onnxruntime") else line for line in kept]


if __name__ == "__main__":
    project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
    print("\n".join(cpu_requirements(project["dependencies"])))
