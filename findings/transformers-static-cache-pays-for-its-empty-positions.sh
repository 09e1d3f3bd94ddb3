#!/usr/bin/env bash
# transformers 5.24.0: a step of decoding over a StaticCache attends over the cache's whole length.
# With room for 1,024 tokens and 10 in it, the attention of the next token takes 93 times the FLOPs
# it takes over a DynamicCache. A cache kept large for the longest prompt taxes every short one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, StaticCache

torch.manual_seed(0)
config = LlamaConfig(
    hidden_size=32,
    intermediate_size=32,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_key_value_heads=4,
    vocab_size=50,
    attn_implementation="eager",
)
model = LlamaForCausalLM(config).eval()
seen = {}
caches = {
    "dynamic": DynamicCache(config=config),
    "static": StaticCache(config=config, max_cache_len=1024),
}
for name, cache in caches.items():
    with torch.no_grad():
        model(torch.ones(1, 10, dtype=torch.long), cache=cache)
        with FlopCounterMode(display=False) as counter:
            model(torch.ones(1, 1, dtype=torch.long), cache=cache)
    products = counter.get_flop_counts()["Global"]
    seen[name] = products[torch.ops.aten.bmm]  # the products of attention
print("FLOPs of attention:", seen, "ratio", round(seen["static"] / seen["dynamic"], 1))
width = 32
assert seen == {"dynamic": 2 * 2 * 11 * width, "static": 2 * 2 * 1024 * width}, seen
PY
