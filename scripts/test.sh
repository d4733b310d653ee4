#!/usr/bin/env bash
# Installs what the tests need (Debian, as root) and runs all of them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

packages=(
  gcc libc6-dev                                   # the race detector
  ca-certificates curl strace procps              # clients and witnesses
  perl libcgi-pm-perl python3                     # interpreters
  git gitweb mercurial                            # programs that are served
  php-cgi php-fpm php-xml php-mbstring dokuwiki   # php-fpm is named so that dokuwiki brings no web server
  libfcgi-dev libfcgi-perl libcgi-fast-perl ruby ruby-fcgi cgi-mapserver
  python3-flask python3-django
  chromium                                        # looks at the pages
)
install_packages "${packages[@]}"

unformatted=$(gofmt -l bench cmd gateway static examples configs)
if [ -n "$unformatted" ]; then
  echo "gofmt would change: $unformatted" >&2
  exit 1
fi
go vet ./...
# Ceilings of memory: the race detector needs some itself, so that these would judge nothing with it.
go test -run 'Alloc|IdleConnectionsAreSmall' ./gateway/...
go test -race -timeout 20m ./...
