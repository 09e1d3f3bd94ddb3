"""NanoBEIR: BEIR's sets cut to 50 queries and a few thousand documents each, for quick looks.

Source: zeta-alpha-ai's NanoBEIR collection, as ir_datasets' ``nano-beir/*``. A NanoBEIR figure
is not comparable with a BEIR figure: the smaller collections are easier.
"""

from __future__ import annotations

from rabbench.suites import _irds
from rabbench.suites.beir import SELF_EXCLUDED
from rabbench.types import Suite

FAMILY = _irds.Family("nano-beir")
datasets = FAMILY.datasets

DEFAULT = (
    "arguana", "climate-fever", "dbpedia-entity", "fever", "fiqa", "hotpotqa", "msmarco",
    "nfcorpus", "nq", "quora", "scidocs", "scifact", "webis-touche2020",
)  # fmt: skip


def load(name: str) -> Suite:
    """Load a data set by short name (``scifact``) or full id; errors as in ``beir.load``."""
    dataset_id = FAMILY.resolve(name)
    return _irds.load(
        dataset_id,
        licence="CC BY 4.0 for the selection; the texts as in BEIR",
        split="50 queries and their neighbourhood",
        exclude_query_id=dataset_id.split("/")[1] in SELF_EXCLUDED,
    )
