#!/usr/bin/env bash
# Sets up a machine so that slicestack runs. A step that is already done is skipped with a message.
#   scripts/setup.sh lint      npm packages, TypeScript build
#   scripts/setup.sh build     + system packages and native addon        (make build, make demo, make bench)
#   scripts/setup.sh test      + references for the tests: Debian's PyTorch, chromium
#   scripts/setup.sh debian13  npm packages and debootstrap
# SLICESTACK_SYSTEM=skip does not install system packages (tests that need a missing one are skipped).
set -euo pipefail
cd "$(dirname "$0")/.."

purpose="${1:?expected lint, build, test or debian13}"
log=.cache/setup.log
mkdir -p .cache

say() { printf 'slicestack: %s\n' "$*"; }
fail() {
  printf 'slicestack: %s\n' "$@" >&2
  exit 1
}
# Each step has its own log, so that a failure shows the end of its output.
start_log() { : >"$log"; }
quietly() { "$@" >>"$log" 2>&1; }
fail_with_log() {
  tail -n 20 "$log" >&2
  fail "$@"
}

# --- system packages: detected by what they provide, so that other ways of installing it count, too ---

in_any() { compgen -G "$1" >/dev/null; }
python_has() { /usr/bin/python3 -c "import importlib.util as u, sys; sys.exit(u.find_spec('$1') is None)" 2>/dev/null; }
# A torch in the active Python brings its own headers, unlike Debian's python3-torch.
pip_torch() {
  python3 -c 'import importlib.util as u, os, sys
spec = u.find_spec("torch")
sys.exit(not (spec and spec.origin and os.path.isfile(os.path.dirname(spec.origin) + "/include/ATen/ATen.h") and "site-packages" in spec.origin))' 2>/dev/null
}

# The roots that the build looks in, too (packages/torch/src/native/find.ts).
LIBTORCH_ROOTS=(/usr /usr/local /opt/homebrew/opt/pytorch /usr/local/opt/pytorch /opt/libtorch)
libtorch_in() {
  local root
  for root in "$@"; do [ ! -e "$root/include/ATen/ATen.h" ] || return 0; done
  return 1
}

present() {
  case "$1" in
    libtorch-dev)
      [ -n "${LIBTORCH:-}" ] || libtorch_in "${LIBTORCH_ROOTS[@]}" || pip_torch
      ;;
    g++) command -v "${CXX:-g++}" >/dev/null || command -v clang++ >/dev/null ;;
    make | debootstrap | chromium | python3) command -v "$1" >/dev/null ;;
    python3-pil) python_has PIL ;;
    teem-apps) command -v teem-unu >/dev/null ;;
    slurm-wlm) in_any '/usr/sbin/slurmctld' && command -v srun >/dev/null ;;
    munge) in_any '/usr/sbin/munged' ;;
    dcmtk) command -v dcmcjpeg >/dev/null ;;
    dicom3tools) command -v dciodvfy >/dev/null ;;
    orthanc) command -v Orthanc >/dev/null || in_any '/usr/sbin/Orthanc' ;;
    orthanc-python) in_any '/usr/share/orthanc/plugins/libOrthancPython.so' ;;
    orthanc-dicomweb) in_any '/usr/share/orthanc/plugins/libOrthancDicomWeb.so' ;;
    openjph-tools) command -v ojph_compress >/dev/null ;;
    python3-*) python_has "${1#python3-}" ;;
    fonts-dejavu-core) in_any '/usr/share/fonts/*/dejavu*/DejaVuSans.ttf' || in_any '/usr/share/fonts/dejavu*/DejaVuSans.ttf' ;;
    libgloo-dev) in_any '/usr/include/gloo/algorithm.h' || in_any '/usr/local/include/gloo/algorithm.h' ;;
    libtcmalloc-minimal4) in_any '/usr/lib/*/libtcmalloc_minimal.so.4' || in_any '/usr/lib*/libtcmalloc_minimal.so.4' ;;
    *) return 1 ;;
  esac
}

missing_of() {
  local package
  for package in "$@"; do present "$package" || printf '%s\n' "$package"; done
}

# What does not work without an optional package.
loss_of() {
  local package text=''
  for package in "$@"; do
    case "$package" in
      libgloo-dev) package="$package (no training in several processes)" ;;
      libtcmalloc-minimal4) package="$package (slower)" ;;
    esac
    text="${text:+$text, }$package"
  done
  printf '%s\n' "$text"
}

# How this user can run apt: as root, with sudo, or not at all.
apt_prefix() {
  command -v apt-get >/dev/null || return 1
  if [ "$(id -u)" -eq 0 ]; then return 0; fi
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || [ -t 0 ] || return 1
  echo sudo
}

apt_install() { # prefix, packages
  local prefix="$1"
  shift
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
  if [ -n "$prefix" ]; then apt=("$prefix" "${apt[@]}"); fi
  # Package lists are updated only where they lack the packages, as on a fresh or an old machine.
  quietly "${apt[@]}" install -y --no-install-recommends "$@" ||
    { quietly "${apt[@]}" update && quietly "${apt[@]}" install -y --no-install-recommends "$@"; }
}

remedy() { # the missing packages
  if command -v apt-get >/dev/null; then
    printf '  no rights to install here. Ask for: sudo apt-get install -y --no-install-recommends %s\n' "$*"
  else
    printf '  this system has no apt-get; needed here (by Debian name): %s\n' "$*"
    cat <<'LINES'
  Fedora: sudo dnf install gcc-c++ make google-noto-sans-fonts dejavu-sans-fonts chromium gperftools-libs
  macOS:  xcode-select --install; brew install --cask chromium
  libtorch, on both: python3 -m venv venv && . venv/bin/activate && pip install 'torch<2.12'
          or unpack libtorch from pytorch.org and set LIBTORCH=/path/to/libtorch
  then type the same make command again.
LINES
  fi
  printf '  SLICESTACK_SYSTEM=skip goes on without them.\n'
}

# Required packages must be installed in the end; optional ones may be missing.
system_packages() { # required packages, "--", optional packages
  local required=() optional=() missing extra all prefix
  while [ "$1" != -- ]; do required+=("$1") && shift; done
  shift
  optional=("$@")
  if [ "${SLICESTACK_SYSTEM:-}" = skip ]; then say "system packages: left alone (SLICESTACK_SYSTEM=skip)" && return; fi
  mapfile -t missing < <(missing_of "${required[@]}")
  mapfile -t extra < <(missing_of "${optional[@]}")
  if [ ${#missing[@]} -eq 0 ] && [ ${#extra[@]} -eq 0 ]; then say "system packages: up to date" && return; fi

  if prefix=$(apt_prefix); then
    all=("${missing[@]}" "${extra[@]}")
    say "system packages: installing ${all[*]} …"
    start_log
    apt_install "$prefix" "${all[@]}" || apt_install "$prefix" "${missing[@]}" || true
    mapfile -t missing < <(missing_of "${required[@]}")
    mapfile -t extra < <(missing_of "${optional[@]}")
    if [ ${#missing[@]} -gt 0 ]; then fail_with_log "system packages: apt-get could not install ${missing[*]}; the whole log is $log"; fi
  elif [ ${#missing[@]} -gt 0 ]; then
    fail "system packages: missing ${missing[*]}" "$(remedy "${missing[@]}")"
  fi
  if [ ${#extra[@]} -gt 0 ]; then say "system packages: going on without $(loss_of "${extra[@]}")"; fi
}

# --- the steps ---

check_node() {
  local want="Node 20.11 or newer is needed"
  local remedy="See https://nodejs.org, or on Debian 12: https://github.com/nodesource/distributions"
  command -v node >/dev/null || fail "$want, with npm; none was found. $remedy"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 11) ? 0 : 1)' ||
    fail "$want; this is $(node --version). $remedy"
  command -v npm >/dev/null || fail "$want, with npm; Node $(node --version) was found, but no npm. $remedy"
}

npm_packages() {
  # The stamp is inside node_modules, so that it is removed with it.
  local stamp=node_modules/.slicestack-stamp key
  key="$(node -p 'process.platform + process.arch') $(cksum <package-lock.json)"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then say "npm packages: up to date" && return; fi
  say "npm packages: installing …"
  start_log
  # Install scripts compile, which a lint does not need; better-sqlite3 is built in its own step.
  quietly npm ci --ignore-scripts || fail_with_log "npm ci failed (is the registry reachable?); the whole log is $log"
  printf '%s\n' "$key" >"$stamp"
}

typescript() {
  local tsc=(node node_modules/typescript/bin/tsc -b)
  if [ -z "$("${tsc[@]}" --dry | grep -i 'would' || true)" ]; then say "TypeScript: up to date" && return; fi
  say "TypeScript: building …"
  "${tsc[@]}" || fail "TypeScript: the build failed"
}

# better-sqlite3 downloads a binary or, where that fails, compiles SQLite against Node's own headers.
sqlite() {
  local addon=node_modules/better-sqlite3 prefix
  if node -e "new (require('./$addon'))(':memory:')" 2>/dev/null; then say "SQLite: up to date" && return; fi
  say "SQLite: installing …"
  start_log
  prefix=$(node -p 'require("path").dirname(require("path").dirname(process.execPath))')
  if [ -e "$prefix/include/node/node.h" ]; then export npm_config_nodedir="${npm_config_nodedir:-$prefix}"; fi
  quietly npm rebuild better-sqlite3 ||
    fail_with_log "SQLite: better-sqlite3 could neither be downloaded nor compiled; the whole log is $log"
}

native() { node packages/torch/bin/slicestack-torch-build.js; }

base=(libtorch-dev g++ make python3)
references=(python3-torch python3-numpy python3-scipy python3-nibabel python3-sklearn python3-statsmodels python3-pil
  python3-pydicom python3-gdcm dcmtk dicom3tools orthanc orthanc-dicomweb orthanc-python openjph-tools teem-apps chromium fonts-dejavu-core slurm-wlm munge)
optional=(libtcmalloc-minimal4 libgloo-dev)

check_node
case "$purpose" in
  lint) ;;
  build) system_packages "${base[@]}" -- "${optional[@]}" ;;
  test) system_packages "${base[@]}" "${references[@]}" -- "${optional[@]}" ;;
  debian13) system_packages debootstrap -- ;;
  *) fail "scripts/setup.sh: expected lint, build, test or debian13, got $purpose" ;;
esac
npm_packages
if [ "$purpose" != debian13 ]; then typescript; fi
if [ "$purpose" = build ] || [ "$purpose" = test ]; then
  sqlite
  native
  node scripts/build-viewer.mjs || fail "viewer: the build failed"
fi
