#!/usr/bin/env bash
# Regenerates the reference values under fixtures/, each with the script beside it.
# Scripts whose names begin with _ are shared helpers. They run with Debian's Python, whose PyTorch is the reference.
set -euo pipefail
cd "$(dirname "$0")/.."

find fixtures -name '*.py' ! -name '_*' | sort | while IFS= read -r script; do
  if [[ -n "${ONLY:-}" && ! "$script" =~ $ONLY ]]; then continue; fi
  printf 'slicestack: fixtures: %s\n' "$script"
  PYTHONDONTWRITEBYTECODE=1 "${PYTHON:-/usr/bin/python3}" "$script"
done
