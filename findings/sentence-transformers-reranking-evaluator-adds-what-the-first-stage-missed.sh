#!/usr/bin/env bash
# sentence-transformers 6.2.0: CrossEncoderRerankingEvaluator puts each relevant document among the
# candidates, also one that the first stage did not find (always_rerank_positives, on by default).
# Here no retrieved document is relevant: MRR is 0 before and 1 after. No reranker could reach that;
# with the option off it is 0 after as well.
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
from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

torch.manual_seed(0)
words = ["tides", "moon", "cat", "owl"]
config = BertConfig(
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    vocab_size=9,
    num_labels=1,
    initializer_range=0.5,
)
with tempfile.TemporaryDirectory() as folder:
    vocabulary = Path(folder, "vocab.txt")
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder)
    BertForSequenceClassification(config).save_pretrained(folder)
    reranker = CrossEncoder(folder)
scores = reranker.predict([("tides", word) for word in words[1:]])
best, *retrieved = (words[1 + place] for place in (-scores).argsort())
samples = [{"query": "tides", "positive": [best], "documents": retrieved}]
seen = {}
for name, options in (("default", {}), ("off", {"always_rerank_positives": False})):
    values = CrossEncoderRerankingEvaluator(samples, show_progress_bar=False, **options)(reranker)
    seen[name] = (float(values["base_mrr@10"]), float(values["mrr@10"]))
    print(f"{name}: MRR@10 before {seen[name][0]}, after {seen[name][1]}")
assert seen == {"default": (0.0, 1.0), "off": (0.0, 0.0)}, seen
PY
