#!/usr/bin/env bash
# make-venv.sh FOLDER: makes a virtual environment there, whole or not at all.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
python=$("$here/find-python.sh")

package=$("$here/venv-package.sh" "$python")
if [ -n "$package" ] && ! "$here/apt-install.sh" "$package"; then
  echo "$python cannot make a virtual environment without $package; install it and run the same again." >&2
  exit 1
fi

echo "Making $folder with $("$python" --version) ($python)"
trap 'rm -rf "$folder"' ERR
"$python" -m venv "$folder"
