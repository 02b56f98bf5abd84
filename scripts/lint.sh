#!/usr/bin/env bash
# All checks that need no run. Every check is carried out, so that one call shows everything to fix.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

failed=()
check() { # name, command
  local name="$1"
  shift
  if "$@"; then printf 'lint: %s: clean\n' "$name"; else failed+=("$name"); fi
}

check types node node_modules/typescript/bin/tsc -b
check eslint npx --no-install eslint .
check prettier npx --no-install prettier --check --log-level warn .
check dependencies node scripts/lint-dependencies.mjs
check words node scripts/lint-words.mjs
if command -v shellcheck >/dev/null; then check shellcheck shellcheck scripts/*.sh .ci/run; fi

if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint: failed: %s\n' "${failed[*]}" >&2
  exit 1
fi
