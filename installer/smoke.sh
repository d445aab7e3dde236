#!/usr/bin/env bash
# smoke.sh PROGRAM: tries an installed inspector-app in an empty environment: version, help, the demo set without
# a window, doctor, and the window offscreen. Needs bash and coreutils only, so that it runs where no Python is.
set -euo pipefail

program=$(realpath -s "$1")
seconds=${SMOKE_SECONDS:-8}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

clean() {
  env -i HOME="$scratch" PATH=/usr/bin:/bin LANG=C.UTF-8 QT_QPA_PLATFORM=offscreen \
    INSPECTOR_DATA="$scratch/data" "$@"
}

fail() {
  echo "smoke: $1" >&2
  [ ! -s "$scratch/log" ] || cat "$scratch/log" >&2
  exit 1
}

clean "$program" --version
clean "$program" --help >"$scratch/log" 2>&1 || fail "--help ended with $?"
clean "$program" demo --no-window --out out >"$scratch/log" 2>&1 || fail "demo ended with $?"
images=$(($(wc -l <out/demo.csv) - 1))
[ "$images" -ge 12 ] || fail "demo.csv has $images rows; the demo set has 12 images or more"
[ -s out/demo_defects.csv ] || fail "demo_defects.csv is missing or empty"
[ -s data/inspector.sqlite3 ] || fail "the demo left no database"
clean "$program" doctor >"$scratch/log" 2>&1 || fail "doctor ended with $?"

# The window has no end of its own: that it is still there when its time is up says that it opened.
code=0
clean timeout --kill-after=10 "$seconds" "$program" >"$scratch/log" 2>&1 || code=$?
[ "$code" -eq 124 ] || fail "the window closed by itself within $seconds s with code $code"
! grep -q Traceback "$scratch/log" || fail "the window met an error"
echo "smoke: version, help, demo ($images images), doctor and window are well: $program"
