"""What the discriminant of the student's start is worth on the bi-encoder's own vectors.

    python benchmarks/discriminant_control.py --out control.trec
    rabbench quality --suite demo --depth 200 --model rabbench/demo-smollm2-135m \
        --systems rabtriever,run:control.trec

Where the student is above the bi-encoder of the same backbone, its teacher's answers, its latents
and the discriminant of ``rabbench/train/initialisation.py`` may each be the reason. Here the
bi-encoder's similarity is joined by the same discriminant. It is fit to the labels of the same
training queries, since a bi-encoder has no teacher. ``rabbench quality`` compares the run with the
student in a paired test.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch.nn.functional import normalize

from rabbench import trec
from rabbench.config.options import Options
from rabbench.config.train import TrainingData
from rabbench.models.backbone import resolve
from rabbench.models.biencoder import biencoder_inputs
from rabbench.quality.datasets import open_suite
from rabbench.train import data, initialisation

MODEL = "rabbench/demo-smollm2-135m-biencoder"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=MODEL, help="a trained bi-encoder's folder or name")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("control.trec"))
    arguments = parser.parse_args()
    backbone = resolve(arguments.model, device=arguments.device)
    texts = biencoder_inputs(backbone, Options().max_doc_len, None)
    split = data.load_split(TrainingData(suite="demo"))
    suite, train = split.suite, split.train
    test = open_suite("demo").load("test")

    def encode(sequences: list[list[int]]) -> torch.Tensor:
        return normalize(backbone.encode(sequences, batch=16).float(), dim=-1)

    documents = encode([texts.document(text) for text in suite.docs.values()])  # (N, d)
    queries = encode([texts.query(text) for text in train.queries.values()])  # (Q, d)
    new = encode([texts.query(text) for text in test.queries.values()])
    labels = torch.tensor(
        [[float(train.qrels[q].get(doc, 0) > 0) for doc in suite.docs] for q in train.queries]
    )  # (Q, N)

    def standardise(x: torch.Tensor) -> torch.Tensor:
        x = (x - queries.mean(0)) / queries.std(0)
        return torch.cat([x, torch.ones_like(x[:, :1])], 1)  # (…, d + 1)

    q, z = standardise(queries), (documents - documents.mean(0)) / documents.std(0)
    form = initialisation.first_form(q, z, labels / labels.sum(1, keepdim=True))
    scores = standardise(new) @ form @ z.T
    run = {
        query: dict(zip(suite.docs, row, strict=True))
        for query, row in zip(test.queries, scores.tolist(), strict=True)
    }
    trec.write_run(arguments.out, run, "llm-biencoder-discriminant")
    return 0


if __name__ == "__main__":
    sys.exit(main())
