#!/usr/bin/env bash
# pytest-benchmark 5.3.1 with --benchmark-compare-fail compares only what the saved run holds under the
# same name. Ten times slower, a benchmark exits 1; renamed as well, it exits 0. Under pytest-xdist (-n)
# nothing is timed and the exit code is 0 too. A model renamed in a parametrised benchmark leaves the
# gate green.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pytest==9.2.0 pytest-benchmark==5.3.1 pytest-xdist==3.8.0
cd "$folder"

write_benchmark() { # NAME SECONDS
    printf '%s\n' "import time" "" "def test_$1(benchmark):" \
        "    benchmark.pedantic(time.sleep, ($2,), rounds=3)" > test_speed.py
}

run_gate() { # LABEL OPTIONS...
    local label=$1 status=0
    shift
    venv/bin/python -m pytest --quiet --benchmark-compare=0001 \
        --benchmark-compare-fail=min:100% "$@" test_speed.py > output.txt 2>&1 || status=$?
    echo "$label: exit $status"
    statuses+=("$status")
}

statuses=()
write_benchmark student 0.01
venv/bin/python -m pytest --quiet --benchmark-save=base test_speed.py > output.txt 2>&1
write_benchmark student 0.1
run_gate "ten times slower, same name"
run_gate "ten times slower, same name, -n 1" -n 1
write_benchmark small_student 0.1
run_gate "ten times slower, new name"
test "${statuses[*]}" = "1 0 0"
