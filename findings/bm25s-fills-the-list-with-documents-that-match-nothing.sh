#!/usr/bin/env bash
# bm25s 0.3.16 always returns k documents. A query of stop words or unknown words gets k documents of
# score 0; one with a single match gets k-1 of them. In a run file they are candidates like any other,
# and a metric can count a document that the query never reached.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet bm25s==0.3.16
"$folder/venv/bin/python" -W ignore - <<'PY'
import bm25s

corpus = ["the tides follow the moon", "the cat sat on a mat", "an owl flies"]
retriever = bm25s.BM25()
retriever.index(bm25s.tokenize(corpus, show_progress=False), show_progress=False)
seen = {}
for query in ("the of and", "quantum zebra", "moon"):
    tokens = bm25s.tokenize(query, show_progress=False)
    documents, scores = retriever.retrieve(tokens, k=2, show_progress=False)
    seen[query] = (len(set(documents[0].tolist())), int((scores[0] > 0).sum()))
    print(query, "->", documents[0].tolist(), scores[0].round(3).tolist())
assert seen == {"the of and": (2, 0), "quantum zebra": (2, 0), "moon": (2, 1)}, seen
PY
