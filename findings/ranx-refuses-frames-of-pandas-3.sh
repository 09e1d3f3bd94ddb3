#!/usr/bin/env bash
# ranx 0.3.21 accepts pandas 3 at installation, but Run.from_df and Qrels.from_df want columns of
# dtype object. pandas 3 reads strings as dtype str, so a plain frame of scores is refused
# ("dtype must be `object`") until it is cast back. Pipelines that kept scores in a frame stop here.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ranx==0.3.21 pandas==3.1.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import pandas as pd
from ranx import Run

frame = pd.DataFrame({"q_id": ["q", "q"], "doc_id": ["a", "b"], "score": [2.0, 1.0]})
print("dtype of the ids:", frame["doc_id"].dtype)
try:
    Run.from_df(frame)
    message = ""
except AssertionError as error:
    message = str(error)
print("from_df:", message)
assert "dtype must be `object`" in message, message
run = Run.from_df(frame.astype({"q_id": object, "doc_id": object}))
print("cast to object:", dict(run["q"]))
assert dict(run["q"]) == {"a": 2.0, "b": 1.0}
PY
