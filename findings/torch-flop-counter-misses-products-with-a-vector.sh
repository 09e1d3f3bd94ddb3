#!/usr/bin/env bash
# torch 2.13.0's FlopCounterMode has formulas for matrix products, none for a matrix times a vector,
# a dot product, cdist or an LSTM: each counts 0. Scoring 1,000 stored documents costs 0 FLOPs for a
# query of shape [64] and 128,000 for the same query as [64, 1].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from torch.utils.flop_counter import FlopCounterMode

documents, query = torch.ones(1000, 64), torch.ones(64)
lstm = torch.nn.LSTM(64, 64)
calls = {
    "documents @ query[:, None]": lambda: documents @ query[:, None],
    "documents @ query": lambda: documents @ query,
    "dot": lambda: torch.dot(query, query),
    "cdist": lambda: torch.cdist(documents, query[None]),
    "LSTM": lambda: lstm(documents[None]),
}
seen = {}
for name, call in calls.items():
    with FlopCounterMode(display=False) as counter:
        call()
    seen[name] = counter.get_total_flops()
print(seen)
assert seen.pop("documents @ query[:, None]") == 2 * 1000 * 64
assert set(seen.values()) == {0}, seen
PY
