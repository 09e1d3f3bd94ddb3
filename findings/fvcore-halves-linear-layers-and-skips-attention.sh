#!/usr/bin/env bash
# fvcore 0.1.5.post20221221 counts a multiplication and its addition as one: half of the number that
# torch's FlopCounterMode gives for a linear layer. For scaled_dot_product_attention it has no
# formula (a log line says so), so attention is free. Tables that mix both tools differ by two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 fvcore==0.1.5.post20221221
"$folder/venv/bin/python" -W ignore - <<'PY'
import logging

import torch
from fvcore.nn import FlopCountAnalysis
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

logging.getLogger("fvcore").setLevel(logging.ERROR)


class Attention(torch.nn.Module):
    def forward(self, tokens):
        return scaled_dot_product_attention(tokens, tokens, tokens)


linear, inputs = torch.nn.Linear(8, 8, bias=False), torch.ones(8, 8)
with FlopCounterMode(display=False) as counter:
    linear(inputs)
flops = {"torch": counter.get_total_flops(), "fvcore": FlopCountAnalysis(linear, inputs).total()}
attention = FlopCountAnalysis(Attention(), torch.ones(1, 4, 64, 16))
print(flops, "attention:", attention.total(), dict(attention.unsupported_ops()))
assert flops == {"torch": 1024, "fvcore": 512}, flops
assert attention.total() == 0
assert "aten::scaled_dot_product_attention" in attention.unsupported_ops()
PY
