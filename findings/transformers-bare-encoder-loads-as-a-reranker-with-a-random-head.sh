#!/usr/bin/env bash
# transformers 5.24.0 loads the checkpoint of a bare encoder as a sequence classifier with a random
# head and no error. One log record of level WARNING, a table with the status MISSING for the head,
# says so; at verbosity ERROR nothing does. Two loads score one pair differently.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import logging
import tempfile

import torch
from transformers import AutoModelForSequenceClassification, BertConfig, BertModel
from transformers.utils import logging as transformers_logging

records = []
handler = logging.Handler()
handler.emit = records.append
logging.getLogger("transformers").addHandler(handler)
config = BertConfig(
    hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=50
)
tokens = torch.arange(5, 15)[None]
with tempfile.TemporaryDirectory() as folder:
    BertModel(config).save_pretrained(folder)
    scores = []
    for verbosity in (transformers_logging.WARNING, transformers_logging.ERROR):
        transformers_logging.set_verbosity(verbosity)
        model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1).eval()
        with torch.no_grad():
            scores.append(model(tokens).logits.item())
levels = [record.levelname for record in records if "MISSING" in record.getMessage()]
print("scores of one input:", scores, "notices in two loads:", levels)
assert scores[0] != scores[1]
assert levels == ["WARNING"], levels
PY
