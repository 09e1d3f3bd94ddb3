#!/usr/bin/env bash
# ranx 0.3.21 takes NaN for a score: the document ranks behind every other one and the metric is a
# plain number. A system that overflowed in half precision is scored as if it had judged.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ranx==0.3.21
"$folder/venv/bin/python" -W ignore - <<'PY'
from ranx import Qrels, Run, evaluate

qrels = Qrels({"q": {"a": 1}})
run = Run({"q": {"a": float("nan"), "b": 1.0}})
value = float(evaluate(qrels, run, "mrr"))
print("MRR with a NaN score for the relevant document:", value)
assert value == 0.5, value
PY
