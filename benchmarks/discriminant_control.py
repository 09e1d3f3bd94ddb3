"""What the discriminant of the student's start is worth on the bi-encoder's own vectors.

    python benchmarks/discriminant_control.py --out control.trec
    rabbench quality --suite demo --depth 200 --model rabbench/demo-smollm2-135m \
        --systems rabtriever,run:control.trec

Where the student is above the bi-encoder of the same backbone, its teacher's answers, its latents
and the discriminant of ``rabbench/training/start.py`` may each be the reason. Here the bi-encoder's
similarity is joined by the same discriminant, fit to the labels of the same training queries, since
a bi-encoder has no teacher; the run is ranked beside the student with a paired test.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch.nn.functional import normalize

from rabbench import trec
from rabbench.config.train import TrainingData
from rabbench.models.backbone import resolve
from rabbench.models.biencoder import biencoder_inputs
from rabbench.quality.datasets import open_suite
from rabbench.train import data, initialisation
from rabbench.types import Options

MODEL = "rabbench/demo-smollm2-135m-biencoder"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=MODEL, help="a trained bi-encoder's folder or name")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("control.trec"))
    arguments = parser.parse_args()
    backbone = resolve(arguments.model, device=arguments.device)
    texts = biencoder_inputs(backbone, Options().max_doc_len, None)
    _, suite = data.training_set(TrainingData(suite="demo"))
    kept, _ = data.split(suite, TrainingData(suite="demo").held_out)
    test = open_suite("demo").load("test")

    def encoded(found: list[list[int]]) -> torch.Tensor:
        return normalize(backbone.encode(found, batch=16).float(), dim=-1)

    documents = encoded([texts.document(text) for text in suite.docs.values()])  # (N, d)
    queries = encoded([texts.query(text) for text in kept.queries.values()])  # (Q, d)
    new = encoded([texts.query(text) for text in test.queries.values()])
    labels = torch.tensor(
        [[float(kept.qrels[query].get(doc, 0) > 0) for doc in suite.docs] for query in kept.queries]
    )  # (Q, N)

    def standard(x: torch.Tensor) -> torch.Tensor:
        x = (x - queries.mean(0)) / queries.std(0)
        return torch.cat([x, torch.ones_like(x[:, :1])], 1)  # (…, d + 1)

    q, z = standard(queries), (documents - documents.mean(0)) / documents.std(0)
    form = initialisation.joined(q, z, labels / labels.sum(1, keepdim=True))
    scores = standard(new) @ form @ z.T
    run = {
        query: dict(zip(suite.docs, row, strict=True))
        for query, row in zip(test.queries, scores.tolist(), strict=True)
    }
    trec.write_run(arguments.out, run, "llm-biencoder-discriminant")
    return 0


if __name__ == "__main__":
    sys.exit(main())
