#!/usr/bin/env bash
# torch 2.13.0's FlopCounterMode counts an nn.TransformerEncoderLayer in training mode and gives 0
# for the same layer in eval mode without gradients: one fused operator without a formula replaces
# it. The pass that a cost table is about, inference, is the one that costs nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from torch.utils.flop_counter import FlopCounterMode

layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
tokens = torch.ones(2, 10, 32)  # [batch, tokens, width]
seen = {}
for mode in ("train", "eval"):
    layer.train(mode == "train")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        layer(tokens)
    seen[mode] = counter.get_total_flops()
print(seen)
assert seen["train"] > 300_000 and seen["eval"] == 0, seen
PY
