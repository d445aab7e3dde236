#!/usr/bin/env bash
# Sees to what the app needs from Debian or Ubuntu, the libraries that Qt loads and python3-venv: installs what is
# missing where that is permitted, otherwise prints one line to run. Never fails: all but the window works without the
# libraries, and make-venv.sh says what it lacks.
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Library, and the Debian package that holds it. The first part is needed by every window, also by an offscreen
# one, the second by a window on X11, the third on Wayland.
libraries='
libEGL.so.1 libegl1
libGL.so.1 libgl1
libxkbcommon.so.0 libxkbcommon0
libX11.so.6 libx11-6
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libfreetype.so.6 libfreetype6
libglib-2.0.so.0 libglib2.0-0
libgthread-2.0.so.0 libglib2.0-0

libX11-xcb.so.1 libx11-xcb1
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-randr.so.0 libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-shm.so.0 libxcb-shm0
libxcb-sync.so.1 libxcb-sync1
libxcb-util.so.1 libxcb-util1
libxcb-xfixes.so.0 libxcb-xfixes0
libxcb-xkb.so.1 libxcb-xkb1

libwayland-client.so.0 libwayland-client0
libwayland-cursor.so.0 libwayland-cursor0
'

PATH=$PATH:/sbin:/usr/sbin
present=$(ldconfig -p 2>/dev/null || true)
missing=()
while read -r library package; do
  [ -n "$library" ] || continue
  # The space after the name: "libGL.so.1 " is not "libGL.so.1.7.0".
  if [[ "$present" != *"$library "* ]] && [[ " ${missing[*]} " != *" $package "* ]]; then
    missing+=("$package")
  fi
done <<<"$libraries"

# Without any font Qt draws empty boxes.
font=$(find -L /usr/share/fonts /usr/local/share/fonts "${HOME:-/root}/.fonts" "${HOME:-/root}/.local/share/fonts" \
  -name '*.[ot]tf' -print -quit 2>/dev/null || true)
[ -n "$font" ] || missing+=(fonts-dejavu-core)

if python=$("$here/find-python.sh" 2>/dev/null); then
  package=$("$here/venv-package.sh" "$python")
  [ -z "$package" ] || missing+=("$package")
fi

if [ ${#missing[@]} -gt 0 ] && ! "$here/apt-install.sh" "${missing[@]}"; then
  echo "Going on without: the commands need no such library, the window may not open." >&2
fi
