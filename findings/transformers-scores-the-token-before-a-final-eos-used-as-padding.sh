#!/usr/bin/env bash
# transformers 5.24.0: a decoder with a classification head scores the last token whose id is not the
# padding id, whatever the attention mask says. Many LLMs have no padding token and are given eos
# for it. A text that ends in eos is then scored at the token before, and eos is never read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from transformers import Qwen3Config, Qwen3ForSequenceClassification

torch.manual_seed(0)
eos = 3
config = Qwen3Config(
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    head_dim=8,
    num_key_value_heads=2,
    vocab_size=50,
    num_labels=1,
    eos_token_id=eos,
    pad_token_id=eos,
)
model = Qwen3ForSequenceClassification(config).eval()
with_eos, without_eos = torch.tensor([[7, 8, 9, eos]]), torch.tensor([[7, 8, 9]])
gaps = {}
for padding in (eos, 0):
    model.config.pad_token_id = padding
    with torch.no_grad():
        scores = [
            model(tokens, attention_mask=torch.ones_like(tokens)).logits.item()
            for tokens in (with_eos, without_eos)
        ]
    gaps[padding] = abs(scores[0] - scores[1])
    print(f"padding id {padding}: with eos {scores[0]:.4f}, without {scores[1]:.4f}")
assert gaps[eos] < 1e-6 < 1e-3 < gaps[0], gaps
PY
