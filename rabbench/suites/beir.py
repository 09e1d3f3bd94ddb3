"""BEIR, all of ir_datasets' ``beir/*`` by short name: ``scifact`` is ``beir/scifact/test``.

CQADupStack is twelve parts, ``cqadupstack/android`` and so on; its figure is their mean, counted as
one. Source: Thakur et al., "BEIR: A Heterogenous Benchmark for Zero-shot Evaluation of Information
Retrieval Models", 2021, arXiv 2104.08663; exclusions and splits as its own evaluation has them.
"""

from __future__ import annotations

from collections.abc import Mapping

from rabbench.suites import _irds
from rabbench.types import Suite

FAMILY = _irds.Family(
    "beir",
    {
        "msmarco": "msmarco/dev",  # its test split has 43 queries
        "webis-touche2020": "webis-touche2020/v2",  # the judgements BEIR uses since 2021
    },
)
datasets = FAMILY.datasets

SELF_EXCLUDED = frozenset({"arguana"})
"""Data sets whose queries are documents of the collection: a query must not find itself."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "beir-13": (
        "arguana", "climate-fever", "dbpedia-entity", "fever", "fiqa", "hotpotqa", "nfcorpus",
        "nq", "quora", "scidocs", "scifact", "trec-covid", "webis-touche2020",
    ),
    "cqadupstack": tuple(
        f"cqadupstack/{part}" for part in (
            "android", "english", "gaming", "gis", "mathematica", "physics", "programmers",
            "stats", "tex", "unix", "webmasters", "wordpress",
        )
    ),
}  # fmt: skip
"""Names for several data sets; ``beir-13`` is what papers on LLM retrievers average (our reading
of the Rabtriever paper's 13 sets, after RepLLaMA's table)."""

COUNTED_AS_ONE = ("cqadupstack",)
"""Groups whose parts a mean over data sets counts as one."""

LICENCES: Mapping[str, str] = {
    "arguana": "CC BY 4.0",
    "cqadupstack": "Apache-2.0",
    "dbpedia-entity": "CC BY-SA 3.0",
    "fever": "CC BY-SA 3.0",
    "hotpotqa": "CC BY-SA 4.0",
    "msmarco": "MS MARCO terms: non-commercial research",
    "nq": "CC BY-SA 3.0",
    "scidocs": "GPL-3.0",
    "scifact": "CC BY-NC 2.0",
    "webis-touche2020": "CC BY 4.0",
}
UNSTATED = "not stated by BEIR: see the data set's own pages"

DEFAULT: tuple[str, ...] = ()
"""None: all of BEIR is 20 GB and more to fetch, so some data sets must be named."""


def load(name: str) -> Suite:
    """Load a data set by short name (``scifact``), with its split, or by its full id.

    Raises:
        UsageError: for an unknown name.
        MissingError: if the data is neither under ``IR_DATASETS_HOME`` nor to be had.
        BadInputError: if it is damaged or empty.
    """
    dataset_id = FAMILY.resolve(name)
    base = dataset_id.split("/")[1]
    return _irds.load(
        dataset_id,
        licence=LICENCES.get(base, UNSTATED),
        split=dataset_id.removeprefix(f"beir/{base}").strip("/") or "test",
        exclude_query_id=base in SELF_EXCLUDED,
    )
