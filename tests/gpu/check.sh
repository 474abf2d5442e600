#!/usr/bin/env bash
# Everything that only a machine with a GPU can show, in at most 8 minutes, as one JSON file.
#
#   bash tests/gpu/check.sh [FILE]          FILE is gpu-check.json by default
#
# It needs this checkout and a Python with torch. Environment variables:
#   PYTHON   the interpreter (python3)
#   DEVICE   the device to check (cuda); cpu runs the same parts, which tests the script itself
#   SMALL    1: tiny sizes, well under a minute on a CPU
#   BUDGET   seconds for all parts (470); a part that cannot start in time is skipped
#   WHEELS   a folder of wheels, from which missing packages are installed without a network
# Packages that are missing are installed into a temporary folder if pip can get them; torch and torchvision
# never are. Without pytest the tests are skipped and everything else runs.
#
# FILE, rewritten after every part:
#   schema    "idim/gpu-check/1"
#   device    as asked for                      small    whether the sizes were tiny
#   ok        whether no part failed            seconds  of all parts so far
#   machine   device, device_name, cpu, cores, threads, torch, load (as in the CSV files of `idim bench`),
#             and python, cuda (of torch), memory_bytes (of the GPU), capability; null where there is none
#   parts     a list of
#     name      see below
#     status    "ok", "failed", or "skipped"
#     seconds   that it took
#     why       one line; empty when it is ok
#     figures   what was measured, as far as it came:
#       tests               passed, failed, skipped: tests marked `gpu`
#       bits                projectors: by kind, state_equal (P's tensors), columns_equal and columns_off (the
#                           bits of columns of P, and their largest difference), forward_off and adjoint_off
#                           (relative differences of P v and P' g from the CPU)
#       expand              files: by name, equal (whether the expanded state has the same bits in a process that
#                           sees no GPU), step_off (relative difference of P theta_d grown on the device)
#       bench-projectors, bench-step, bench-pack
#                           machine, rows: as `idim bench ... --json` prints them
#       sweep               D, d, runs, steps; packs: by pack size, seconds, seconds_per_run, score (mean
#                           performance), score_off (largest difference of a run from that without a pack)
#       devices             device, cpu: performance of `idim train quickstart` on both
#       search              seconds, runs: `idim sweep quickstart --adaptive --precision 20%`
# Exit code: 0; 1 when a part failed; 2 when there is no such device (no file is written).
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
python="${PYTHON:-python3}"
out="$(realpath -m "${1:-gpu-check.json}")"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" IDIM_OUT="$scratch/results"

missing="$("$python" - <<'CODE'
import importlib.util
names = "jinja2 matplotlib numba numpy pandas psutil pydantic pyyaml:yaml rich safetensors scikit-learn:sklearn"
names += " scipy typer pytest hypothesis"
pairs = [name.partition(":") for name in names.split()]
print(*(package for package, _, module in pairs if importlib.util.find_spec(module or package) is None))
CODE
)"
if [ -n "$missing" ]; then
  from=(); [ -z "${WHEELS:-}" ] || from=(--no-index --find-links "$WHEELS")
  # shellcheck disable=SC2086
  "$python" -m pip install --quiet --target "$scratch/site" ${from[@]+"${from[@]}"} $missing \
    || echo "not installed: $missing" >&2
  export PYTHONPATH="$PYTHONPATH:$scratch/site"
fi
cd "$root"
"$python" tests/gpu/check.py "$out" "$scratch"
