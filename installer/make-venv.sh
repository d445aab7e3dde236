#!/usr/bin/env bash
# make-venv.sh FOLDER: makes a virtual environment there, whole or not at all.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
python=$("$here/find-python.sh")

# Debian and Ubuntu leave ensurepip out of Python; the package with venv brings it.
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  system=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
  package=python3-venv
  [ "$version" = "$system" ] || package="python$version-venv"
  if ! "$here/apt-install.sh" "$package"; then
    echo "$python cannot make a virtual environment without $package; install it and run the same again." >&2
    exit 1
  fi
fi

echo "Making $folder with $("$python" --version) ($python)"
trap 'rm -rf "$folder"' ERR
"$python" -m venv "$folder"
