"""Late interaction (ColBERT) through sentence-transformers' ``MultiVectorEncoder``.

A text becomes a vector for each of its tokens; the score is MaxSim: for each query vector the
largest similarity to any of the document's, summed. Every document is compared, no approximation
and no compression, so the index keeps 4 bytes a number where ColBERTv2's keeps about 36 bytes a
vector. Phases: ``index`` encodes a document, ``query`` a query, ``score`` is MaxSim of
``shape.batch`` pairs.

Source: Khattab and Zaharia, "ColBERT", SIGIR 2020, arXiv 2004.12832; Santhanam et al.,
"ColBERTv2", 2022, arXiv 2112.01488.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from rabbench.models.meta import MetaForward
from rabbench.systems._exact import Exact
from rabbench.systems._st_loader import Source, on_meta
from rabbench.systems._vectors import Block, Read
from rabbench.types import Options, Phase, Shape, Workload

NAME = "late-interaction"
SIMILARITIES = 1 << 24  # numbers held at once while comparing
UNTRAINED_WIDTH = 128  # of a token's vector, ColBERT's


def build(options: Options) -> Exact:
    """The multi-vector encoder that ``options.late_interaction_model`` names.

    Raises:
        UsageError: if the name is neither ``untrained``, nor a folder, nor a hub id.
    """
    source = Source(NAME, options.late_interaction_model, options)
    _ = source.location
    return Exact(NAME, TokenVectors(source))


class MaxSim(nn.Module):
    """Σ over query vectors of the largest product with a document's, for B pairs."""

    def forward(self, query: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
        """Query (1, Lq, m) and documents (B, Ld, m) to scores (B,)."""
        products = query @ documents.transpose(1, 2)  # (B, Lq, Ld)
        return products.amax(2).sum(1)


class TokenVectors:
    """A multi-vector encoder: a matrix a text."""

    found_above = -np.inf

    def __init__(self, source: Source) -> None:
        self.source = source
        self.options = source.options

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.source.params

    @cached_property
    def model(self) -> Any:
        """The multi-vector encoder, in evaluation mode.

        Raises:
            MissingError: if it is neither here nor downloadable.
        """
        from sentence_transformers import MultiVectorEncoder
        from sentence_transformers.base.modules import Dense, Normalize, Transformer
        from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

        source, device = self.source, self.options.device
        with source.loading():
            if source.trained:
                model = MultiVectorEncoder(
                    source.location, device=device, model_kwargs=source.arguments
                )
            else:
                body = Transformer(source.location, model_kwargs=source.arguments)
                project = Dense(
                    source.shape.width,
                    UNTRAINED_WIDTH,
                    bias=False,
                    activation_function=nn.Identity(),
                    module_input_name="token_embeddings",
                )
                unit = Normalize(module_input_name="token_embeddings")
                modules = [body, project, MultiVectorMask(), unit]
                model = MultiVectorEncoder(modules=modules, device=device)
        return model.eval().requires_grad_(False)

    def read(self, texts: list[str]) -> Read:
        """How much of these documents is read."""
        return self.source.read(texts, self._limit("document"))

    def documents(self, texts: list[str]) -> Block:
        """Vectors of all tokens (Σ L, m), and how many each document has."""
        vectors = self.model.encode_document(
            texts, batch_size=self.options.batch, show_progress_bar=False
        )
        lengths = torch.tensor([len(one) for one in vectors])
        return {"vectors": torch.cat(vectors).float().cpu(), "lengths": lengths}

    def queries(self, texts: list[str]) -> Any:
        """Vectors of each query's tokens, (Lq, m) each."""
        return self.model.encode_query(
            texts, batch_size=self.options.batch, show_progress_bar=False
        )

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """MaxSim of every pair (B, n)."""
        ends = [0, *block["lengths"].cumsum(0).tolist()]
        documents = [block["vectors"][start:end] for start, end in pairwise(ends)]
        device, most = self.options.device, SIMILARITIES
        found = self.model.similarity(queries, documents, device=device, chunk_elements=most)
        return np.asarray(found.float().cpu())

    def _prompt(self, kind: str) -> str:
        return (self.model.prompts.get(kind) or "") if self.source.trained else ""

    @property
    def _body(self) -> Any:
        """The module with the limits of queries and documents, if it states any."""
        return self.model[0] if self.source.trained else None

    def _limit(self, kind: str) -> int:
        """Tokens of a text that fit beside its prompt and the special tokens."""
        most = getattr(self._body, f"{kind}_length", None)
        if most is None and self.source.trained:
            most = self.model.max_seq_length
        if most is None:
            most = min(
                self.source.tokenizer.model_max_length, self.source.config.max_position_embeddings
            )
        return int(most) - self.source.overhead(self._prompt(kind))

    def _tokens(self, kind: str, asked: int) -> tuple[int, int]:
        """Of a text of this length: tokens that are read, and all that the transformer sees."""
        text = min(asked, self._limit(kind))
        seen = text + self.source.overhead(self._prompt(kind))
        expansion = getattr(self._body, "query_expansion", None) if kind == "query" else None
        # ColBERT pads a short query with mask tokens, which are scored as well.
        return text, max(seen, expansion["length"]) if expansion else seen

    @property
    def _width(self) -> int:
        trained = self.source.trained
        return int(self.model.get_embedding_dimension()) if trained else UNTRAINED_WIDTH

    def workloads(self, name: str, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, MaxSim of ``shape.batch`` pairs."""
        common: dict[str, Any] = {"system": name, "shape": shape, "device": self.options.device}
        yield self._encoding("index", shape.doc_len, common)
        yield self._encoding("query", shape.query_len, common)
        yield self._scoring(common)

    def _encoding(self, phase: Phase, asked: int, common: dict[str, Any]) -> Workload:
        kind = "document" if phase == "index" else "query"
        text, seen = self._tokens(kind, asked)
        ids = self.source.ids(text, seed=self.options.seed, prompt=self._prompt(kind))
        ids += [ids[-1]] * (seen - len(ids))
        tensor = torch.tensor([ids], device=self.options.device)  # (1, L)

        def run() -> Any:
            features = {"input_ids": tensor, "attention_mask": torch.ones_like(tensor)}
            with torch.inference_mode():
                return self.model(features, task=kind)["token_embeddings"]

        shape, width = self.source.shape, self._width
        pooler = 0 if shape.masked else 2 * shape.width**2
        projection = 2 * shape.width * width * seen
        return Workload(
            phase=phase,
            prepare=lambda: self.model,
            run=run,
            trace=lambda: self._traced(1, seen),
            closed_form=lambda how: shape.body(seen, how) + pooler + projection,
            index_bytes=(lambda: 4 * width * seen) if phase == "index" else None,
            params={"tokens_read": text},
            **common,
        )

    @cached_property
    def _traced(self) -> Any:
        from transformers import AutoModel

        with torch.device("meta"):
            project = nn.Linear(self.source.shape.width, self._width, bias=False)
        return on_meta(AutoModel, self.source.config, _Projected(project))

    def _scoring(self, common: dict[str, Any]) -> Workload:
        shape: Shape = common["shape"]
        (_, query), (_, document) = (
            self._tokens("query", shape.query_len),
            self._tokens("document", shape.doc_len),
        )
        width, batch = self._width, shape.batch

        def inputs(device: str) -> tuple[torch.Tensor, torch.Tensor]:
            return (
                torch.zeros(1, query, width, device=device),
                torch.zeros(batch, document, width, device=device),
            )

        held = inputs("meta")

        def prepare() -> None:
            nonlocal held
            held = inputs(self.options.device)

        def traced() -> MetaForward:
            return MaxSim(), inputs("meta")

        def run() -> Any:
            with torch.inference_mode():
                return MaxSim()(*held)

        return Workload(
            phase="score",
            units=batch,
            prepare=prepare,
            run=run,
            trace=traced,
            closed_form=lambda _: batch * 2 * width * query * document,
            **common,
        )


class _Projected(nn.Module):
    """Vectors of a transformer's output."""

    def __init__(self, project: nn.Linear) -> None:
        super().__init__()
        self.project = project

    def forward(self, output: Any) -> torch.Tensor:
        vectors: torch.Tensor = self.project(output.last_hidden_state)  # (B, L, m)
        return vectors
