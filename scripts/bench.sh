#!/usr/bin/env bash
# Measures gatewayd beside other servers (Debian): bench.sh cgi|fastcgi|reload [FLAG ...] (bench/main.go has the flags). As root
# it installs them; else it measures those that are there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

suite=${1:?bench.sh cgi, fastcgi or reload}
shift
packages=(gcc libc6-dev lighttpd apache2 nginx-light)
case $suite in
cgi) packages+=(fcgiwrap) ;;
fastcgi) packages+=(libapache2-mod-fcgid libfcgi-dev wrk h2o caddy php-fpm php-cgi) ;;
reload) packages+=(libfcgi-dev caddy) ;;
esac
[ "$(id -u)" != 0 ] || install_packages "${packages[@]}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # servers may run as another user
compile() { gcc -Wall -O2 -o "$dir/$1" "bench/c/$2.c" "${@:3}"; }
case $suite in
cgi)
  compile hello-dynamic hello
  compile hello-static hello -static
  compile spawnloop spawnloop -pthread
  compile reap.so reap -shared -fPIC -ldl
  ;;
fastcgi)
  compile fcgi_hello fcgi_hello -lfcgi
  compile fcgi_lean fcgi_lean
  ;;
reload) compile fcgi_hello fcgi_hello -lfcgi ;;
esac
export CGO_ENABLED=0
go build -trimpath -ldflags '-s -w' -o "$dir/gatewayd" ./cmd/gatewayd
go build -o "$dir/bench" ./bench
"$dir/bench" -dir "$dir" "$@" "$suite"
