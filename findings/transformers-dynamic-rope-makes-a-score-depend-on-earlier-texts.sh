#!/usr/bin/env bash
# transformers 5.24.0 with rope_type "dynamic" stretches the frequencies for the longest text so far.
# They stay so until a text within the trained length resets them. The same text, alone in its batch,
# has another hidden state after a longer one: scores depend on the order of documents.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from transformers import LlamaConfig, LlamaModel

torch.manual_seed(0)
config = LlamaConfig(
    hidden_size=32,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    vocab_size=50,
    num_key_value_heads=4,
    max_position_embeddings=16,
    initializer_range=0.3,
    rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0},
)
model = LlamaModel(config).eval()
text, longer, shorter = (torch.arange(length)[None] % 49 + 1 for length in (20, 64, 8))


def encode(tokens):
    with torch.no_grad():
        return model(tokens).last_hidden_state[0, -1]


first = encode(text)
again = (encode(text) - first).abs().max().item()
encode(longer)
after_longer = (encode(text) - first).abs().max().item()
encode(shorter)
after_shorter = (encode(text) - first).abs().max().item()
print(f"difference to the first call: at once {again:.1e}, after a longer text {after_longer:.3f},")
print(f"after one within the trained length {after_shorter:.1e}")
assert again < 1e-5 and after_shorter < 1e-5
assert after_longer > 0.01, after_longer
PY
