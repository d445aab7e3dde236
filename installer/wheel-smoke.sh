#!/usr/bin/env bash
# wheel-smoke.sh DIST SCRATCH: installs the wheel of DIST into a fresh environment below SCRATCH and tries it
# from there, so that nothing of the checkout can help.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
wheel=$(realpath "$1"/inspector_app-*.whl)
scratch=$(realpath "$2")
venv=$scratch/wheel-venv

"$here/make-venv.sh" "$venv"
"$venv/bin/python" -m pip install --quiet "$wheel"
cd "$scratch"
"$venv/bin/python" - <<'PYTHON'
from importlib import metadata
from pathlib import Path

import inspector_app

package = Path(inspector_app.__file__).resolve().parent
site = package.parent
assert site.name == "site-packages", package
for needed in ("resources/demo", "models/generic"):
    assert any((package / needed).rglob("*.*")), f"{package / needed} is missing or empty"
assert sorted(p.name for p in (package / "models").iterdir()) == ["generic"], "only the free model may be shipped"
assert not any((site / name).exists() for name in ("resources", "models", "tests"))
files = [str(f) for f in metadata.files("inspector-app") or ()]
assert not [f for f in files if "mvtec" in f and f.endswith((".onnx", ".json", ".npz"))], "research-only weights"
assert [f for f in files if f.endswith("LICENSE")], "the licence is missing"
print(f"{len(files)} files, {sum(p.stat().st_size for p in package.rglob('*') if p.is_file()) / 1e6:.1f} MB")
PYTHON
"$here/smoke.sh" "$venv/bin/inspector-app"
