"""NanoBEIR: BEIR's sets cut to 50 queries and a few thousand documents each, for quick looks.

Source: zeta-alpha-ai's NanoBEIR collection, as ir_datasets' ``nano-beir/*``. A NanoBEIR figure
must not stand beside a BEIR figure: the smaller collections are easier.
"""

from __future__ import annotations

from rabbench.suites.beir import OWN_ID_EXCLUDED
from rabbench.types import Suite

DEFAULT = (
    "arguana", "climate-fever", "dbpedia-entity", "fever", "fiqa", "hotpotqa", "msmarco",
    "nfcorpus", "nq", "quora", "scidocs", "scifact", "webis-touche2020",
)  # fmt: skip


def datasets() -> list[str]:
    """The names that ``load`` takes."""
    from rabbench.suites import _irds

    return _irds.names("nano-beir", {})


def load(name: str) -> Suite:
    """Load a data set by short name (``scifact``) or full id; errors as in ``beir.load``."""
    from rabbench.suites import _irds

    dataset_id = _irds.resolve("nano-beir", name, {})
    own = dataset_id.split("/")[1] in OWN_ID_EXCLUDED
    return _irds.suite(
        dataset_id,
        licence="CC BY 4.0 for the selection; the texts as in BEIR",
        split="50 queries and their neighbourhood",
        exclude=(lambda query_id: frozenset({query_id})) if own else None,
    )
