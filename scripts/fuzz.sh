#!/usr/bin/env bash
# Runs every fuzz target for a while: fuzz.sh [TIME, default 10m] [PACKAGE ...].
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10m}
shift || true
packages=("$@")
((${#packages[@]})) || packages=(./...)
for package in $(go list "${packages[@]}"); do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    echo "== $package $target $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
  done
done
