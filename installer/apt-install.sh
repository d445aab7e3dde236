#!/usr/bin/env bash
# apt-install.sh PACKAGE...: installs Debian packages where that is permitted (root, or sudo without a
# password); otherwise prints the line to run and fails.
set -euo pipefail

say_how() {
  echo "$1 Please run:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y $packages" >&2
  exit 1
}

packages="$*"
if ! command -v apt-get >/dev/null; then
  echo "This is not Debian or Ubuntu; install what these packages hold: $packages" >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
    say_how "System packages are missing, and they can be installed by root only."
  fi
  as_root=(sudo -n)
fi

echo "Installing system packages: $packages"
# A first try without update: the lists are often there already. A fresh machine has none.
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@")
if ! "${install[@]}" >/dev/null 2>&1; then
  "${as_root[@]}" apt-get update -qq || say_how "apt-get update failed."
  "${install[@]}" >/dev/null || say_how "apt-get install failed."
fi
