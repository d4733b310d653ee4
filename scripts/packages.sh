# Sourced by the other scripts.

# install_packages PACKAGE ... installs those that are missing (Debian). Who is not root is told what to install, and it
# fails. Services of the packages are not started: tests and benchmarks start their own.
install_packages() (
  set -euo pipefail
  missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || exit 0
  if [ "$(id -u)" != 0 ]; then
    echo "not root: run  sudo apt-get install ${missing[*]}  first" >&2
    exit 1
  fi
  echo "installing: ${missing[*]}" >&2
  policy=/usr/sbin/policy-rc.d # invoke-rc.d(8) asks it
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
)
