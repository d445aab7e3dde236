#!/usr/bin/env bash
# venv-package.sh PYTHON: prints the Debian package that PYTHON lacks for making virtual environments; nothing when
# it lacks none. Debian and Ubuntu leave ensurepip out of Python.
set -euo pipefail

python=$1
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && exit 0
version='import sys; print("%d.%d" % sys.version_info[:2])'
own=$("$python" -c "$version")
if [ "$own" = "$(/usr/bin/python3 -c "$version" 2>/dev/null || true)" ]; then
  echo python3-venv
else
  echo "python$own-venv"
fi
