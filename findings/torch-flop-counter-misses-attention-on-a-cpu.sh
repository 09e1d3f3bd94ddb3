#!/usr/bin/env bash
# torch 2.13.0's FlopCounterMode counts scaled_dot_product_attention as 0 FLOPs on a CPU: its fused
# kernel there has no formula. On the meta device the same call is counted exactly (4 heads x 64 x
# 64 x 16, two products, two FLOPs each). A transformer measured on a CPU looks linear in its length.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

seen = {}
for device in ("cpu", "meta"):
    query = torch.ones(1, 4, 64, 16, device=device)  # [batch, heads, tokens, width]
    with FlopCounterMode(display=False) as counter:
        scaled_dot_product_attention(query, query, query)
    seen[device] = counter.get_total_flops()
print(seen)
assert seen == {"cpu": 0, "meta": 2 * 2 * 4 * 64 * 64 * 16}, seen
PY
