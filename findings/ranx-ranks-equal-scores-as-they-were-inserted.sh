#!/usr/bin/env bash
# ranx 0.3.21 ranks documents of equal score in the order in which they were put into the run: the
# same scores give MRR 1.0 or 0.5 by the order of a dict. Candidates that come from qrels (relevant
# first) or from a first stage thus favour whoever ties.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ranx==0.3.21
"$folder/venv/bin/python" -W ignore - <<'PY'
from ranx import Qrels, Run, evaluate

qrels = Qrels({"q": {"a": 1}})
orders = {"ab": ("a", "b"), "ba": ("b", "a")}
seen = {
    name: float(evaluate(qrels, Run({"q": dict.fromkeys(order, 1.0)}), "mrr"))
    for name, order in orders.items()
}
print(seen)
assert seen == {"ab": 1.0, "ba": 0.5}, seen
PY
