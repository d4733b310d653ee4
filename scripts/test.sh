#!/usr/bin/env bash
# Installs what the tests need (Debian, as root) and runs all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  gcc libc6-dev                                   # the race detector
  ca-certificates curl strace procps              # clients and witnesses
  perl libcgi-pm-perl python3                     # interpreters
  git gitweb mercurial                            # programs that are served
  chromium                                        # looks at the pages
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "installing: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    echo "not root: run  sudo apt-get install ${missing[*]}  first" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

unformatted=$(gofmt -l bench cmd gateway static examples configs)
if [ -n "$unformatted" ]; then
  echo "gofmt would change: $unformatted" >&2
  exit 1
fi
go vet ./...
go test -race -timeout 20m ./...
