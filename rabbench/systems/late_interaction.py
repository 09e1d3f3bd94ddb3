"""Late interaction (ColBERT) through sentence-transformers' ``MultiVectorEncoder``.

A text becomes a vector for each of its tokens; the score is MaxSim: for each query vector the
largest similarity to any of the document's, summed (Khattab and Zaharia, "ColBERT", SIGIR 2020,
arXiv 2004.12832). Nothing is compressed: the index holds 4 bytes a number where that of ColBERTv2
(Santhanam et al., 2022, arXiv 2112.01488) holds about 36 bytes a vector. Phases: ``index`` encodes
a document, ``query`` a query, ``score`` is MaxSim of ``shape.batch`` pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import pad

from rabbench.config.options import Options
from rabbench.models.meta import MetaForward
from rabbench.systems._encoder import Block, on_meta, on_zeros
from rabbench.systems._exact import ExactSearch
from rabbench.systems._st_loader import SentenceEncoder, StLoader, forward
from rabbench.types import Shape, Workload

NAME = "late-interaction"
SIMILARITIES = 1 << 24  # numbers in memory at once while comparing
UNTRAINED_WIDTH = 128  # of a token's vector, ColBERT's


def build(options: Options) -> ExactSearch:
    """The multi-vector encoder that the options name; a UsageError for an unknown name."""
    loader = StLoader(NAME, options.late_interaction_model, options)
    return ExactSearch(NAME, TokenVectors(loader))


class MaxSim(nn.Module):
    """Σ over query vectors of the largest product with a document's, for B pairs."""

    def forward(self, query: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
        """Query (1, Lq, m) and documents (B, Ld, m) to scores (B,)."""
        products = query @ documents.transpose(1, 2)  # (B, Lq, Ld)
        return products.amax(2).sum(1)


class TokenVectors(SentenceEncoder):
    """A multi-vector encoder: a matrix a text."""

    @cached_property
    def model(self) -> Any:
        """The multi-vector encoder, in evaluation mode."""
        from sentence_transformers import MultiVectorEncoder
        from sentence_transformers.base.modules import Dense, Normalize, Transformer
        from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

        def untrained() -> dict[str, Any]:
            arguments = self.loader.transformer_arguments
            body = Transformer(self.loader.location, model_kwargs=arguments)
            project = Dense(
                self.shape.width,
                UNTRAINED_WIDTH,
                bias=False,
                activation_function=nn.Identity(),
                module_input_name="token_embeddings",
            )
            unit = Normalize(module_input_name="token_embeddings")
            return {"modules": [body, project, MultiVectorMask(), unit]}

        return self.loader.load(MultiVectorEncoder, untrained)

    def documents(self, texts: list[str]) -> Block:
        """Vectors of all tokens (Σ L, m), and how many each document has."""
        vectors = self._encode(texts, "document")
        lengths = torch.tensor([len(matrix) for matrix in vectors])
        return {"vectors": torch.cat(vectors).float().cpu(), "lengths": lengths}

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """MaxSim of every pair (B, n)."""
        ends = [0, *block["lengths"].cumsum(0).tolist()]
        documents = [block["vectors"][start:end] for start, end in pairwise(ends)]
        similarities = self.model.similarity(
            queries, documents, device=self.options.device, chunk_elements=SIMILARITIES
        )
        return np.asarray(similarities.float().cpu())

    @property
    def width(self) -> int:
        """Numbers in a token's vector."""
        trained = self.loader.trained
        return int(self.model.get_embedding_dimension()) if trained else UNTRAINED_WIDTH

    @cached_property
    def prompts(self) -> Mapping[str, str]:
        """The text before a query or a document; an untrained model has none."""
        return {k: v for k, v in self.model.prompts.items() if v} if self.loader.trained else {}

    def _setting(self, name: str) -> Any:
        """A setting of the module with the limits of queries and documents, if it has it."""
        return getattr(self.model[0], name, None) if self.loader.trained else None

    def _max_tokens(self, kind: str) -> int:
        stated = self._setting(f"{kind}_length")
        return super()._max_tokens(kind) if stated is None else int(stated)

    def _text(self, kind: str, length: int) -> tuple[int, torch.Tensor]:
        tokens, ids = super()._text(kind, length)
        if kind == "query" and (expansion := self._setting("query_expansion")):
            # ColBERT pads a short query with mask tokens, which are scored as well.
            padding = max(0, expansion["length"] - ids.shape[1])
            ids = pad(ids, (0, padding), value=int(ids[0, -1]))
        return tokens, ids

    def _forward(self, ids: torch.Tensor, kind: str) -> Any:
        return forward(self.model, ids, "token_embeddings", task=kind)

    def _flops(self, tokens: int, pairs: str) -> int:
        projection = 2 * self.shape.width * self.width * tokens
        return super()._flops(tokens, pairs) + projection

    def _index_bytes(self, ids: torch.Tensor) -> int:
        return 4 * self.width * ids.shape[1]

    @cached_property
    def _traced(self) -> Callable[[int, int], MetaForward]:
        with torch.device("meta"):
            project = _Projected(self.shape.width, self.width, bias=False)
        return on_meta("AutoModel", self.config, project)

    def _scoring(self, common: dict[str, Any]) -> Workload:
        """MaxSim of ``shape.batch`` pairs."""
        shape: Shape = common["shape"]
        query = self._text("query", shape.query_len)[1].shape[1]
        document = self._text("document", shape.doc_len)[1].shape[1]
        sizes = ((1, query, self.width), (shape.batch, document, self.width))
        return Workload(
            phase="score",
            units=shape.batch,
            closed_form=lambda _: shape.batch * 2 * self.width * query * document,
            **on_zeros(sizes, self.options.device, module=MaxSim, meta_module=MaxSim),
            **common,
        )


class _Projected(nn.Linear):
    """Vectors (B, L, m) of a transformer's output."""

    def forward(self, output: Any) -> torch.Tensor:
        return super().forward(output.last_hidden_state)
