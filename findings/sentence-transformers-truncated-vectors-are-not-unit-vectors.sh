#!/usr/bin/env bash
# sentence-transformers 6.2.0 cuts to truncate_dim after the model's Normalize module and does not
# normalise again. A model made for the dot product then gives vectors of unequal length, and long
# ones win. normalize_embeddings=True, which changes nothing for whole vectors, mends it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0 sentence-transformers==6.2.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import tempfile
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

torch.manual_seed(0)
config = BertConfig(
    hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=8
)
with tempfile.TemporaryDirectory() as folder:
    vocabulary = Path(folder, "vocab.txt")
    vocabulary.write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tide", "moon", "owl"])
    )
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder)
    BertModel(config).save_pretrained(folder)
    encoder = Transformer(folder)
    modules = [encoder, Pooling(encoder.get_embedding_dimension()), Normalize()]
    model = SentenceTransformer(modules=modules, similarity_fn_name="dot")
lengths = {}
for name, options in (
    ("whole", {}),
    ("cut to 4", {"truncate_dim": 4}),
    ("cut to 4, normalised", {"truncate_dim": 4, "normalize_embeddings": True}),
):
    lengths[name] = np.linalg.norm(model.encode(["tide", "moon owl"], **options), axis=1)
    print(f"{name}: lengths {lengths[name].round(3).tolist()}")
assert np.allclose(lengths["whole"], 1) and np.allclose(lengths["cut to 4, normalised"], 1)
assert lengths["cut to 4"].max() < 0.9 and np.ptp(lengths["cut to 4"]) > 0.01
PY
