#!/usr/bin/env bash
# sentence-transformers 6.2.0: a CrossEncoder at its length limit cuts the longer of the two texts,
# which may be the query. With 24 positions a query of 20 words beside a document of 6 loses its
# last words: two queries that differ only there score exactly the same. Queries that are themselves
# documents, and instructions put before a query, make such pairs.
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
words = [f"w{number}" for number in range(60)]
document = " ".join(words[30:36])
queries = [" ".join(words[:15] + ending) for ending in (words[15:20], words[40:45])]
config = BertConfig(
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    vocab_size=65,
    num_labels=1,
    max_position_embeddings=48,
    initializer_range=0.5,
)
with tempfile.TemporaryDirectory() as folder:
    vocabulary = Path(folder, "vocab.txt")
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder)
    BertForSequenceClassification(config).save_pretrained(folder)
    gaps = {}
    for limit in (24, 48):
        reranker = CrossEncoder(folder, max_length=limit)
        scores = [reranker.predict([(query, document)])[0] for query in queries]
        gaps[limit] = abs(float(scores[0]) - float(scores[1]))
        print(f"max_length {limit}: scores {scores[0]:.6f} and {scores[1]:.6f}")
assert gaps[24] == 0 and gaps[48] > 1e-4, gaps
PY
