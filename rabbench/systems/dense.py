"""A bi-encoder through sentence-transformers: one vector a text, cosine similarity.

A document is read up to the model's own limit (256 tokens for all-MiniLM-L6-v2) and cut there, as
the model is meant to be used; cost rows say how many tokens were read. Phases: ``index`` encodes
a document, ``query`` a query, ``score`` is one dot product.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from rabbench import synthetic
from rabbench.models.catalog import DENSE
from rabbench.models.closed_form import ModelShape
from rabbench.models.locate import bars, packaged
from rabbench.models.meta import after_body
from rabbench.records import (
    PHASES,
    MissingError,
    Options,
    Phase,
    Run,
    Shape,
    UsageError,
    Workload,
    top,
)

BLOCK = 256  # queries scored against the collection at once


def build(options: Options) -> Dense:
    """The bi-encoder that ``options.dense_model`` names: a short name, a folder or a hub id.

    Raises:
        UsageError: if the name is neither known, nor a folder, nor a hub id.
    """
    return Dense(options, _locate(options.dense_model))


def _locate(name: str) -> str:
    if name in DENSE:
        found = packaged(DENSE[name])
        return DENSE[name].hub if found is None else str(found)
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser())
    if name.count("/") != 1:
        raise UsageError(
            f"unknown dense model {name!r}; known: {', '.join(DENSE)}; or a folder, or a hub id"
        )
    return name


class Dense:
    """Vectors of one collection, searched exactly in blocks of queries."""

    name = "dense"
    phases: tuple[Phase, ...] = PHASES

    def __init__(self, options: Options, location: str) -> None:
        self.options = options
        self.location = location
        self.device = options.device
        self._doc_ids: list[str] = []
        self._vectors: Any = None

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return {
            "model": self.options.dense_model,
            "attention": self.options.attention,
            "dtype": "float32",
            "device": self.device,
        }

    @cached_property
    def encoder(self) -> Any:
        """The sentence-transformers model, in evaluation mode.

        Raises:
            MissingError: if it is neither installed nor cached nor downloadable.
        """
        from sentence_transformers import SentenceTransformer

        try:
            with bars(shown=not Path(self.location).is_dir()):
                model = SentenceTransformer(
                    self.location,
                    device=self.device,
                    model_kwargs={
                        "attn_implementation": self.options.attention,
                        "use_safetensors": True,  # never a pickle
                    },
                )
        except OSError as error:
            raise self._missing(error) from error
        return model.eval().requires_grad_(False)

    def _missing(self, error: Exception) -> MissingError:
        name = self.options.dense_model
        remedy = "give --dense-model a folder"
        if name in DENSE:
            remedy = f"install it with '{DENSE[name].install}', or {remedy}"
        first = str(error).splitlines()[0]
        return MissingError(f"dense model {name!r} is not available ({first}); {remedy}")

    @cached_property
    def _config(self) -> Any:
        from transformers import AutoConfig

        try:
            return AutoConfig.from_pretrained(self.location)
        except OSError as error:
            raise self._missing(error) from error

    def _encode(self, texts: list[str], prompt: str) -> Any:
        encode = {"query": self.encoder.encode_query, "document": self.encoder.encode_document}
        return encode[prompt](
            texts,
            batch_size=self.options.batch,
            normalize_embeddings=True,
            convert_to_tensor=True,
            show_progress_bar=False,
        )

    def index(self, docs: Mapping[str, str]) -> None:
        """Encode the collection."""
        self._doc_ids = list(docs)
        self._vectors = self._encode(list(docs.values()), "document")  # (N, d)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best k documents of each query by cosine similarity, over the whole collection."""
        run: Run = {}
        query_ids = list(queries)
        for start in range(0, len(query_ids), BLOCK):
            ids = query_ids[start : start + BLOCK]
            vectors = self._encode([queries[query_id] for query_id in ids], "query")
            similarity = vectors @ self._vectors.T  # (B, N)
            best = similarity.topk(min(k, len(self._doc_ids)), dim=1)
            for query_id, scores, places in zip(
                ids, best.values.tolist(), best.indices.tolist(), strict=True
            ):
                named = zip((self._doc_ids[place] for place in places), scores, strict=True)
                run[query_id] = top(dict(named), k)
        return run

    @cached_property
    def _limit(self) -> int:
        """Text tokens that fit beside the two special tokens; of a local model without weights."""
        settings = Path(self.location) / "sentence_bert_config.json"
        if settings.is_file():
            stated = json.loads(settings.read_text(encoding="utf-8")).get("max_seq_length")
            if stated is not None:
                return int(stated) - 2
        return int(self.encoder.max_seq_length) - 2

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(self.location)
        except OSError as error:
            raise self._missing(error) from error

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, multiply two vectors."""
        limit = self._limit
        width = int(self._config.hidden_size)
        common: dict[str, Any] = {"system": self.name, "shape": shape, "device": self.device}
        for phase, length in (("index", shape.doc_len), ("query", shape.query_len)):
            yield self._encoding(phase, min(length, limit), common)  # type: ignore[arg-type]
        yield _dot(width, self.device, common)

    def _encoding(self, phase: Phase, tokens: int, common: dict[str, Any]) -> Workload:
        tokenizer = self._tokenizer
        seed = self.options.seed
        ids = synthetic.token_ids(tokenizer, tokens, seed=seed, size=int(self._config.vocab_size))
        ids = [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]
        tensor = torch.tensor([ids], device=self.device)  # (1, L)
        features = {"input_ids": tensor, "attention_mask": torch.ones_like(tensor)}

        def run() -> Any:
            with torch.inference_mode():
                return self.encoder(dict(features))["sentence_embedding"]

        shape = ModelShape.from_config(self._config)
        pooler = 2 * shape.width**2  # BERT's own, computed though the mean of tokens is used
        return Workload(
            phase=phase,
            prepare=lambda: self.encoder,
            run=run,
            trace=lambda: after_body(self._meta, [(1, len(ids))], lambda state: state),
            # An encoder masks nothing: both conventions count every pair.
            closed_form=lambda _: shape.body(len(ids), "dense") + pooler,
            index_bytes=(lambda: 4 * shape.width) if phase == "index" else None,
            params={"tokens_read": tokens},
            **common,
        )

    @cached_property
    def _meta(self) -> Any:
        from transformers import AutoModel

        with torch.device("meta"):
            return AutoModel.from_config(self._config, attn_implementation="eager").eval()


def _dot(width: int, device: str, common: dict[str, Any]) -> Workload:
    class Dot(torch.nn.Module):
        def forward(self, query: torch.Tensor, document: torch.Tensor) -> torch.Tensor:
            return query @ document

    query, document = torch.randn(1, width, device=device), torch.randn(width, 1, device=device)
    return Workload(
        phase="score",
        run=lambda: query @ document,
        trace=lambda: (Dot(), (query.to("meta"), document.to("meta"))),
        closed_form=lambda _: 2 * width,
        **common,
    )
