#!/usr/bin/env bash
# ranx 0.3.21 fuses with min-max normalisation by default. A list whose scores are all equal, or of a
# single document, becomes 0. The only candidate of one system then ends level with the last of the
# other. Lists cut at a threshold, and those of a rare term, are this short.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ranx==0.3.21
"$folder/venv/bin/python" -W ignore - <<'PY'
from ranx import Run, fuse

sparse = Run({"q": {"a": 9.0}})
dense = Run({"q": {"b": 1.0, "c": 0.5}})
seen = {
    norm: {
        doc: float(score)
        for doc, score in fuse([sparse, dense], norm=norm, method="sum").run["q"].items()
    }
    for norm in ("min-max", "max")
}
default = {doc: float(score) for doc, score in fuse([sparse, dense], method="sum").run["q"].items()}
print(seen)
assert seen["min-max"] == default == {"a": 0.0, "b": 1.0, "c": 0.0}, (seen, default)
assert seen["max"] == {"a": 1.0, "b": 1.0, "c": 0.5}, seen
PY
