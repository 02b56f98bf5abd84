#!/usr/bin/env bash
# Builds @slicestack/torch in a Debian 13 root (libtorch 2.6) and runs its tests there.
#   scripts/test-debian13.sh            create the root if it is missing, build, test
#   scripts/test-debian13.sh prepare    only create the root
# The root is kept in the user's cache; to recreate it, delete the folder that the first line names.
set -euo pipefail
cd "$(dirname "$0")/.."

root="${XDG_CACHE_HOME:-$HOME/.cache}/slicestack/debian13"
stamp="$root/.slicestack-ready"
packages="nodejs g++ make libtorch-dev libgloo-dev"
say() { printf 'slicestack: debian 13: %s\n' "$*"; }

if [ "$(id -u)" -ne 0 ]; then
  say "this needs root (debootstrap, chroot). Run: sudo --preserve-env=HOME,XDG_CACHE_HOME make test-debian13" >&2
  exit 2
fi
# In a separate mount namespace every mount ends with this process, even if it is killed.
if [ -z "${SLICESTACK_DEBIAN13_INSIDE:-}" ]; then
  SLICESTACK_DEBIAN13_INSIDE=1 exec unshare --mount --propagation private "$0" "$@"
fi

# Uses the mirror of this machine, so that a local mirror works here, too.
mirror() {
  local found
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -nE 's/^(URIs:|deb( \[[^]]*\])?)[[:space:]]+(https?:[^[:space:]]*\/debian)\/?([[:space:]].*)?$/\3/p' | head -n 1)
  printf '%s\n' "${found:-http://deb.debian.org/debian}"
}

in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }

make_root() {
  local proxy='' from
  from=$(mirror)
  command -v debootstrap >/dev/null || { say "debootstrap is missing. Run: apt-get install debootstrap" >&2; exit 2; }
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  if [ -n "$proxy" ] && [ "$proxy" != DIRECT ]; then export http_proxy="$proxy"; fi
  say "root: making $root from $from (two minutes, 1.4 GB)"
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  debootstrap --variant=minbase --include=ca-certificates trixie "$root" "$from" >"$root.log" 2>&1 || fail_root
  if [ -n "$proxy" ]; then printf 'Acquire::http::Proxy "%s";\n' "$proxy" >"$root/etc/apt/apt.conf.d/80proxy"; fi
  add_packages
}

# The list may grow: packages that the root already has are not fetched again.
add_packages() {
  mount -t proc proc "$root/proc"
  in_root apt-get update >>"$root.log" 2>&1 || fail_root
  # shellcheck disable=SC2086 # a list of words
  in_root DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages >>"$root.log" 2>&1 || fail_root
  in_root apt-get clean
  umount "$root/proc"
  printf '%s\n' "$packages" >"$stamp"
}

fail_root() {
  tail -n 20 "$root.log" >&2
  say "the root could not be made; the whole log is $root.log" >&2
  exit 2
}

# node_modules here is plain JavaScript for what the torch package needs, so a copy works there, too.
copy_tree() {
  local tree="$root/slicestack" keep="$root/slicestack/packages/torch/build" lock
  lock=$(sha256sum package-lock.json)
  mkdir -p "$tree"
  if [ "$(cat "$tree/.lock" 2>/dev/null)" != "$lock" ]; then
    rm -rf "$tree/node_modules"
    cp -a node_modules "$tree/"
    printf '%s\n' "$lock" >"$tree/.lock"
  fi
  # The built addon is kept, so that a second run only compiles what changed.
  rm -rf "$root/build.keep"
  if [ -d "$keep" ]; then mv "$keep" "$root/build.keep"; fi
  rm -rf "$tree/packages" "$tree/fixtures" "$tree/scripts"
  git ls-files -z --cached --others --exclude-standard -- packages fixtures scripts package.json package-lock.json 'tsconfig*.json' |
    while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
    tar --create --null --files-from=- | tar --extract --no-same-owner --directory "$tree"
  if [ -d "$root/build.keep" ]; then mv "$root/build.keep" "$keep"; fi
}

if [ "$(cat "$stamp" 2>/dev/null)" = "$packages" ]; then
  say "root: up to date ($root)"
elif [ -s "$stamp" ]; then
  say "root: adding what is new of: $packages"
  add_packages
else
  make_root
fi
if [ "${1:-}" = prepare ]; then exit 0; fi
if [ ! -d node_modules ]; then
  say "node_modules is missing. Run: npm ci" >&2
  exit 1
fi

copy_tree
mount -t proc proc "$root/proc"
say "libtorch $(in_root dpkg-query -W "-f=\${Version}" libtorch-dev), node $(in_root node --version): building"
in_root sh -c 'cd /slicestack && node node_modules/typescript/bin/tsc -b packages/torch && node packages/torch/bin/slicestack-torch-build.js'
say "testing"
in_root ONLY="${ONLY:-}" sh -c 'cd /slicestack && node scripts/test.mjs --package packages/torch'
