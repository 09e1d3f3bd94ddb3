#!/usr/bin/env bash
# transformers 5.24.0: the cache of a model with a sliding window of 8 reports a length of 20 after 20
# tokens, and holds the keys of 7. Memory reckoned from get_seq_length() is nearly three times too
# high here, and grows with the prompt where the cache does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from transformers import DynamicCache, MistralConfig, MistralForCausalLM

config = MistralConfig(
    hidden_size=32,
    intermediate_size=32,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=50,
    sliding_window=8,
)
model = MistralForCausalLM(config).eval()
cache = DynamicCache(config=config)
with torch.no_grad():
    model(torch.ones(1, 20, dtype=torch.long), cache=cache)
layer = cache.layers[0]
seen = (cache.get_seq_length(), layer.keys.shape[-2])
print(f"{type(layer).__name__}: length {seen[0]}, positions held {seen[1]}")
assert seen == (20, 7), seen
PY
