"""BM25 through bm25s (Lucene's variant, English stop words and Snowball stemmer).

Returns only documents that share a term with the query, as Lucene does. Documents are streamed:
the numbers of their terms stay in memory, never their texts. Phases: ``index`` is tokenising and
indexing, per document; ``query`` tokenising one query; ``score`` one query over the
collection, per document of it. Lengths are words, since it has no subword tokenizer.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np

from rabbench.config.options import Options
from rabbench.models import synthetic
from rabbench.types import PHASES, Phase, Run, Scores, Shape, Workload, top_k

# As BEIR's published BM25 figures have them (Anserini's defaults), so that ours can be compared.
K1, B = 0.9, 0.4
BLOCK = 4096  # documents tokenised at once


def build(options: Options) -> BM25:
    """BM25; none of the options concern it but the seed of its synthetic workloads."""
    return BM25(options)


class BM25:
    """A bm25s index over one collection."""

    name = "bm25"
    phases: tuple[Phase, ...] = PHASES

    def __init__(self, options: Options) -> None:
        self.options = options
        self._doc_ids: list[str] = []
        self._index: Any = None

    @property
    def params(self) -> Mapping[str, Any]:
        """No model, and always on the CPU."""
        return {"model": None, "attention": None, "dtype": "float32", "device": "cpu"}

    @cached_property
    def _tokenize(self) -> Any:
        """A function of texts: the stems of each, stop words left out."""
        import bm25s
        import Stemmer

        settings = {"stopwords": "en", "stemmer": Stemmer.Stemmer("english")}
        return partial(bm25s.tokenize, return_ids=False, show_progress=False, **settings)

    def _build_index(self, texts: Iterable[str]) -> Any:
        """The index; None if the texts have no term at all."""
        import bm25s
        from bm25s.tokenization import Tokenized

        vocabulary: dict[str, int] = {}
        numbers: list[array[int]] = []
        stream = iter(texts)
        while block := list(islice(stream, BLOCK)):
            for terms in self._tokenize(block):
                term_ids = (vocabulary.setdefault(term, len(vocabulary)) for term in terms)
                numbers.append(array("I", term_ids))
        if not vocabulary:
            return None
        index = bm25s.BM25(k1=K1, b=B)
        index.index(Tokenized(numbers, vocabulary), show_progress=False)
        return index

    def index(self, docs: Mapping[str, str]) -> None:
        """Tokenise and index the collection, in one pass."""
        self._doc_ids = doc_ids = []

        def texts() -> Iterator[str]:
            for doc_id, text in docs.items():
                doc_ids.append(doc_id)
                yield text

        self._index = self._build_index(texts())

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best k documents of each query among those that share a term with it."""
        return {query_id: self._search(query, k) for query_id, query in queries.items()}

    def _search(self, query: str, k: int) -> Scores:
        terms = self._terms(query)
        if not terms:
            return {}
        scores = self._index.get_scores(terms)  # (N,)
        matching = np.flatnonzero(scores)
        if len(matching) > k:
            # Every document tied with the k-th stays in, for rank() to decide.
            threshold = np.partition(scores[matching], -k)[-k]
            matching = matching[scores[matching] >= threshold]
        return top_k({self._doc_ids[i]: float(scores[i]) for i in matching}, k)

    def _terms(self, query: str) -> list[str]:
        vocabulary = {} if self._index is None else self._index.vocab_dict
        (terms,) = self._tokenize([query])
        return [term for term in terms if term in vocabulary]

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Index n_docs documents, tokenise a query, score it over them."""
        texts: list[str] = []
        query = synthetic.text(shape.query_len, seed=self.options.seed + shape.n_docs)
        system = BM25(self.options)

        def prepare() -> None:
            seeds = range(self.options.seed, self.options.seed + shape.n_docs)
            texts[:] = [synthetic.text(shape.doc_len, seed=seed) for seed in seeds]
            system.index({str(i): text for i, text in enumerate(texts)})

        def index_bytes() -> int:
            prepare()
            matrix = system._index.scores
            size = sum(matrix[key].nbytes for key in ("data", "indices", "indptr"))
            return int(size) // shape.n_docs

        workload = partial(Workload, system=self.name, shape=shape, device="cpu", prepare=prepare)
        yield workload(
            phase="index",
            run=lambda: self._build_index(texts),
            units=shape.n_docs,
            index_bytes=index_bytes,
        )
        yield workload(phase="query", run=lambda: system._terms(query))
        yield workload(
            phase="score", run=lambda: system._search(query, shape.k), units=shape.n_docs
        )
