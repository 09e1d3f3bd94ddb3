#!/usr/bin/env bash
# peft 0.21.2 holds target_modules as a set and writes its order to adapter_config.json. Python's
# string hashes differ between processes, so two equal trainings save two files that differ. Checksums
# of adapters, caches keyed by them and diffs in a repository see a change where there is none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0 peft==0.21.2
"$folder/venv/bin/python" -W ignore - <<'PY'
import json
import os
import subprocess
import sys

CODE = """
import json, tempfile, torch
from peft import LoraConfig, get_peft_model
names = ["q_proj", "k_proj", "v_proj", "o_proj"]
model = torch.nn.ModuleDict({name: torch.nn.Linear(4, 4) for name in names})
with tempfile.TemporaryDirectory() as folder:
    get_peft_model(model, LoraConfig(target_modules=names)).save_pretrained(folder)
    print(json.dumps(json.load(open(folder + "/adapter_config.json"))["target_modules"]))
"""
orders = []
for seed in ("1", "2", "1"):
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-W", "ignore", "-c", CODE]
    output = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout
    orders.append(json.loads(output))
    print(f"hash seed {seed}:", orders[-1])
assert sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1], orders
assert orders[0] == orders[2]
PY
