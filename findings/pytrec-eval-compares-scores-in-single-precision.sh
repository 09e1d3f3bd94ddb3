#!/usr/bin/env bash
# pytrec_eval (terrier's 0.5.11) holds scores in single precision as trec_eval does: two double scores
# that differ by 1e-9 are a tie, broken by document id descending, so the lower score may rank first.
# Log-odds of a calibrated reranker near one value are where this bites.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pytrec-eval-terrier==0.5.11
"$folder/venv/bin/python" -W ignore - <<'PY'
import pytrec_eval

evaluator = pytrec_eval.RelevanceEvaluator({"q": {"a": 1}}, {"recip_rank"})
run = {"q": {"a": 0.1 + 1e-9, "b": 0.1}}
assert run["q"]["a"] > run["q"]["b"]
value = evaluator.evaluate(run)["q"]["recip_rank"]
print("reciprocal rank of the document with the higher score:", value)
assert value == 0.5, value
PY
