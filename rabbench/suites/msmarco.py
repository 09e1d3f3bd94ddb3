"""MS MARCO passages with its dev queries and TREC Deep Learning's judgements.

Each comes with the 1,000 candidates a query of its reranking task (``--first-stage scoreddocs
--depth 1000``). On TREC DL, binary metrics count grade 2 and up as relevant (grade 1 is "related").

Source: Bajaj et al. 2016, arXiv 1611.09268; Craswell et al., TREC Deep Learning 2019 and 2020;
ir_datasets' ``msmarco-passage/*``.
"""

from __future__ import annotations

from rabbench.suites import _irds
from rabbench.types import Suite

FAMILY = _irds.Family(
    "msmarco-passage",
    {
        "dev": "dev/small",
        "trec-dl-2019": "trec-dl-2019/judged",
        "trec-dl-2020": "trec-dl-2020/judged",
    },
)
datasets = FAMILY.datasets

DEFAULT = ("dev",)


def metrics(name: str) -> tuple[str, ...]:
    """The default metrics of a data set."""
    if "trec-dl" in name:
        return ("ndcg@10", "mrr@10-l2", "recall@100-l2")
    return ("mrr@10", "ndcg@10", "recall@100")


def load(name: str) -> Suite:
    """Load a data set by name (``dev``, ``trec-dl-2019``); errors as in ``beir.load``."""
    dataset_id = FAMILY.resolve(name)
    return _irds.load(
        dataset_id,
        licence="MS MARCO terms: non-commercial research",
        split=dataset_id.removeprefix(f"{FAMILY.name}/"),
    )
