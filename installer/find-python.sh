#!/usr/bin/env bash
# Prints the path of a Python that is new enough, or says in one sentence what is missing.
# PYTHON=/path/to/python overrides the search.
set -euo pipefail

new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
  # It is run, not only looked up: a version manager's stand-in may exist without a Python behind it.
  if path=$(command -v "$candidate") && "$path" -c "$new_enough" >/dev/null 2>&1; then
    "$path" -c 'import sys; print(sys.executable)'
    exit 0
  fi
done

echo "Inspector needs Python 3.11 or newer; none was found (looked for: ${PYTHON:-python3.13, python3.12, python3.11, python3})." >&2
echo "On Debian or Ubuntu: sudo apt-get install -y python3 python3-venv; or name one: make PYTHON=/path/to/python3.11" >&2
exit 1
