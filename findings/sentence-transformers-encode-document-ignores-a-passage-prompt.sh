#!/usr/bin/env bash
# sentence-transformers 6.2.0 gives a model with the prompt name "passage" empty prompts "query" and
# "document" beside it, and encode_document uses the empty one. A model trained with "passage: " before
# each text then encodes without it, and no warning is given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0 sentence-transformers==6.2.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import tempfile
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

torch.manual_seed(0)
config = BertConfig(
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    vocab_size=9,
    max_position_embeddings=24,
)
with tempfile.TemporaryDirectory() as folder:
    vocabulary = Path(folder, "vocab.txt")
    words = ["passage", "tide", "moon", ":"]
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder)
    BertModel(config).save_pretrained(folder)
    encoder = Transformer(folder, max_seq_length=16)
    modules = [encoder, Pooling(encoder.get_embedding_dimension())]
    model = SentenceTransformer(modules=modules, prompts={"passage": "passage: "})
print("prompts:", model.prompts)
text = ["tide moon"]
by_document = model.encode_document(text)
gaps = {
    "no prompt": float(abs(by_document - model.encode(text)).max()),
    "passage": float(abs(by_document - model.encode(text, prompt_name="passage")).max()),
}
print("encode_document differs from encode with", gaps)
assert model.prompts == {"query": "", "document": "", "passage": "passage: "}, model.prompts
assert gaps["no prompt"] == 0 and gaps["passage"] > 0.01, gaps
PY
