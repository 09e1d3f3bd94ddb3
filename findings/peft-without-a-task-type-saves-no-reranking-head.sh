#!/usr/bin/env bash
# peft 0.21.2: LoRA over a decoder with a new classification head trains and saves that head only
# with task_type="SEQ_CLS". Without it the random head stays frozen and the adapter folder lacks it.
# The reranker reloaded from base and adapter scores the same pair differently, with no error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0 peft==0.21.2
"$folder/venv/bin/python" -W ignore - <<'PY'
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSequenceClassification, Qwen3Config, Qwen3Model

config = Qwen3Config(
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    head_dim=8,
    num_key_value_heads=2,
    vocab_size=50,
    pad_token_id=0,
)
tokens = torch.tensor([[7, 8, 9]])


def score(model):
    with torch.no_grad():
        return model.eval()(tokens).logits.item()


gaps = {}
with tempfile.TemporaryDirectory() as folder:
    Qwen3Model(config).save_pretrained(folder)
    for task_type in (None, "SEQ_CLS"):
        lora = LoraConfig(task_type=task_type, target_modules=["q_proj", "v_proj"])
        base = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
        model = get_peft_model(base, lora)
        trained = any(
            weight.requires_grad and "score" in name for name, weight in model.named_parameters()
        )
        model.save_pretrained(f"{folder}/{task_type}")
        base = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
        reloaded = PeftModel.from_pretrained(base, f"{folder}/{task_type}")
        gaps[task_type] = abs(score(model) - score(reloaded))
        print(
            f"task_type {task_type}: head trained {trained}, score moved by {gaps[task_type]:.4f}"
        )
        assert trained == (task_type == "SEQ_CLS")
assert gaps["SEQ_CLS"] < 1e-6 < 1e-4 < gaps[None], gaps
PY
