#!/usr/bin/env bash
# What only a machine with a CUDA device can show: the tests marked gpu, and one problem trained on both devices.
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${PYTHON:-python3}"
out="$(mktemp -d)"
"$python" -c 'import torch; print(torch.__version__, torch.cuda.get_device_name())'
"$python" -m pytest -q -m gpu -p no:cacheprovider \
  tests/bench tests/codec/test_devices.py tests/suites tests/test_subspace.py tests/training
for device in cpu cuda; do
  "$python" -m idim_cli.cli.app train quickstart device="$device" --out "$out/$device" --quiet
done
"$python" -m idim_cli.cli.app sweep quickstart --adaptive --precision 20% device=cuda --out "$out/search" --quiet
