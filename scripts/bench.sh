#!/usr/bin/env bash
# Measures what a CGI request costs, beside other servers (Debian): bench.sh [-rounds N] [-requests N] [-clients N].
# As root it installs them; else it measures those that are there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

packages=(gcc libc6-dev lighttpd apache2 nginx-light fcgiwrap)
[ "$(id -u)" != 0 ] || install_packages "${packages[@]}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # servers may run as another user
gcc -Wall -O2 -pthread -o "$dir/spawnloop" bench/c/spawnloop.c
gcc -Wall -O2 -shared -fPIC -o "$dir/reap.so" bench/c/reap.c -ldl
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$dir/gatewayd" ./cmd/gatewayd
CGO_ENABLED=0 go build -o "$dir/bench" ./bench
# The same program twice: as the compiler links it, and static, which starts much faster: then what the server adds shows most.
for link in dynamic static; do
  flags=()
  [ "$link" = dynamic ] || flags=(-static)
  mkdir -m 755 "$dir/$link"
  cp "$dir"/{spawnloop,reap.so,gatewayd} "$dir/$link/"
  gcc -Wall -O2 "${flags[@]}" -o "$dir/$link/hello" bench/c/hello.c
  printf "\n## %s linked\n\n" "${link/%ic/ically}"
  "$dir/bench" -dir "$dir/$link" "$@"
done
