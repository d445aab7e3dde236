#!/usr/bin/env bash
# Builds dist/inspector-app/: one folder with the program, Python and all libraries, for machines without Python.
# It computes on the CPU: onnxruntime stands in for onnxruntime-gpu, which is 300 MB larger.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/.."
venv=build/bundle-venv
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet)

# PyInstaller reads the libraries' dependencies, and leaves out what this machine does not have.
installer/system-packages.sh
command -v objdump >/dev/null || installer/apt-install.sh binutils

[ -x "$venv/bin/python" ] || { mkdir -p build && installer/make-venv.sh "$venv"; }
"$venv/bin/python" installer/bundle_requirements.py pyproject.toml >build/bundle-requirements.txt
"${pip[@]}" --requirement build/bundle-requirements.txt "pyinstaller>=6.11"
# A real wheel, not an editable install: the bundle holds what the wheel holds.
"${pip[@]}" --no-deps --force-reinstall .
"$venv/bin/pyinstaller" --noconfirm --clean --log-level WARN --distpath dist --workpath build/pyinstaller \
  installer/inspector-app.spec
du -sh dist/inspector-app
