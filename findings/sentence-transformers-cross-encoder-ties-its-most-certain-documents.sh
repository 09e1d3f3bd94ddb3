#!/usr/bin/env bash
# sentence-transformers 6.2.0: CrossEncoder.predict applies a sigmoid to a model of one label. In
# single precision each logit above 17.4 becomes exactly 1.0: the most relevant documents tie, and
# their order is left to the sort. With activation_fn=torch.nn.Identity() they stay apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0 sentence-transformers==6.2.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import tempfile
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

torch.manual_seed(0)
words = [f"w{number}" for number in range(10)]
config = BertConfig(
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    vocab_size=15,
    num_labels=1,
    initializer_range=0.3,
)
classifier = BertForSequenceClassification(config)
pairs = [(words[0], word) for word in words]
with torch.no_grad():
    classifier.classifier.bias.fill_(20.0)
with tempfile.TemporaryDirectory() as folder:
    vocabulary = Path(folder, "vocab.txt")
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder)
    classifier.save_pretrained(folder)
    reranker = CrossEncoder(folder)
logits = reranker.predict(pairs, activation_fn=torch.nn.Identity())
scores = reranker.predict(pairs)
print("logits:", [f"{logit:.2f}" for logit in logits])
print("scores:", scores.tolist())
assert logits.min() > 17.4 and len(set(logits.tolist())) > 3
assert set(scores.tolist()) == {1.0}
PY
