#!/usr/bin/env bash
# A qrels list that judges one document twice, first 1 and then 0, is no error in ir_measures 0.4.3:
# RR, AP and nDCG take the last grade and give 0, RR@10 another provider's rule and gives 1. One
# evaluation can so hold two readings of one judgement file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ir-measures==0.4.3 pytrec-eval-terrier==0.5.11
"$folder/venv/bin/python" -W ignore - <<'PY'
import ir_measures
from ir_measures import AP, RR, Qrel, ScoredDoc, nDCG

qrels = [Qrel("q", "a", 1), Qrel("q", "a", 0)]
run = [ScoredDoc("q", "a", 1.0)]
measures = [RR, AP, nDCG @ 10, RR @ 10]
values = ir_measures.calc_aggregate(measures, qrels, run)
seen = {str(measure): values[measure] for measure in measures}
print(seen)
assert seen == {"RR": 0.0, "AP": 0.0, "nDCG@10": 0.0, "RR@10": 1.0}, seen
PY
