#!/usr/bin/env bash
# ir_measures 0.4.3 gives RR and RR@10 of one run from two providers with opposite tie rules: three
# documents of equal score, the first id relevant, have RR 1/3 and RR@10 1. RR (pytrec_eval) puts
# equal scores in the order of their ids descending, RR@10 (the msmarco evaluator) ascending. Of ten
# candidates or fewer the cutoff alone should change nothing; a system that ties (a constant, one
# that ignores the document) can look three times as good by the name with the cutoff.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ir-measures==0.4.3 pytrec-eval-terrier==0.5.11
"$folder/venv/bin/python" -W ignore - <<'PY'
import ir_measures
from ir_measures import RR, Qrel, ScoredDoc

run = [ScoredDoc("q", doc_id, 1.0) for doc_id in "abc"]
seen = {}
for relevant in "ac":
    qrels = [Qrel("q", relevant, 1)]
    values = ir_measures.calc_aggregate([RR, RR @ 10], qrels, run)
    seen[relevant] = tuple(round(values[measure], 3) for measure in (RR, RR @ 10))
    print(f"{relevant} relevant: RR, RR@10 =", seen[relevant])
assert seen == {"a": (0.333, 1.0), "c": (1.0, 0.333)}, seen
PY
