#!/usr/bin/env bash
# ranx 0.3.21 accepts a judgement of 1.5 or 0.5 and keeps 1 and 0: fractional grades (averaged
# assessors, LLM judgements between 0 and 1) turn into irrelevance without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ranx==0.3.21
"$folder/venv/bin/python" -W ignore - <<'PY'
from ranx import Qrels, Run, evaluate

qrels = Qrels({"q": {"a": 0.5, "b": 1.5}})
run = Run({"q": {"a": 2.0, "b": 1.0}})
grades = {doc: int(grade) for doc, grade in qrels.qrels["q"].items()}
rank = float(evaluate(qrels, run, "mrr"))
print(grades, "MRR", rank)
assert grades == {"a": 0, "b": 1}, grades
assert rank == 0.5, rank
PY
