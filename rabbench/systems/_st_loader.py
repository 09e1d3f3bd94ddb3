"""A sentence-transformers model by name: where it is, its configuration, its tokenizer, its limits.

Shared by the systems that run one. Knows how a name is found and what is said when it is not;
knows nothing of searching. ``untrained`` stands for the bi-encoder's own transformer under a fresh
head: what it costs is what a trained one costs, what it ranks means nothing, and rows say so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rabbench.models import synthetic
from rabbench.models.catalog import BI_ENCODERS, DENSE
from rabbench.models.closed_form import ModelShape
from rabbench.models.locate import package_path, progress_bars
from rabbench.models.meta import MetaForward
from rabbench.systems._vectors import Read
from rabbench.types import MissingError, Options, UsageError, Workload

UNTRAINED = "untrained"
SAFE = {"use_safetensors": True}  # never a pickle


def located(kind: str, name: str) -> str:
    """The folder or hub id of a model.

    Raises:
        UsageError: if the name is neither known, nor a folder, nor a hub id.
    """
    if name in DENSE:
        found = package_path(DENSE[name])
        return DENSE[name].hub if found is None else str(found)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder)
    if name.count("/") != 1:
        known = [*DENSE, *(BI_ENCODERS if kind == "dense" else (UNTRAINED,))]
        raise UsageError(
            f"unknown {kind} model {name!r}; known: {', '.join(known)}; or a folder, or a hub id"
        )
    return name


@dataclass(frozen=True)
class Source:
    """A model, as the options name it.

    Args:
        kind: of system, for messages and the option's name: ``dense``, ``sparse`` ….
        name: of the model.
        options: device, attention, seed, and the bi-encoder that ``untrained`` borrows from.
    """

    kind: str
    name: str
    options: Options

    @property
    def trained(self) -> bool:
        """Whether the model was made for what it does here."""
        return self.name != UNTRAINED

    @cached_property
    def location(self) -> str:
        """The folder or hub id."""
        return located(self.kind, self.name if self.trained else self.options.dense_model)

    @property
    def params(self) -> dict[str, Any]:
        """What identifies the model in a row."""
        return {
            "model": self.name if self.trained else self.options.dense_model,
            "attention": self.options.attention,
            "dtype": "float32",
            "device": self.options.device,
            **({} if self.trained else {"trained": False}),
        }

    @property
    def arguments(self) -> dict[str, Any]:
        """For the transformer, however it is loaded."""
        return {"attn_implementation": self.options.attention, **SAFE}

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Around the loading of a model: its errors, its progress, and the seed of a fresh head.

        Raises:
            MissingError: if the model is neither here nor downloadable.
        """
        with (
            nullcontext() if self.trained else _quiet(),  # a fresh head is what was asked for
            progress_bars(shown=not Path(self.location).is_dir()),
            torch.random.fork_rng(devices=[]),
        ):
            torch.manual_seed(self.options.seed)
            try:
                yield
            except OSError as error:
                raise self.missing(error) from error

    def missing(self, error: Exception) -> MissingError:
        """The error for a model that is not here: it says what would bring it."""
        name = self.name if self.trained else self.options.dense_model
        option = f"--{self.kind}-model" if self.trained else "--dense-model"
        remedy = f"give {option} a folder"
        if name in DENSE:
            remedy = f"install it with '{DENSE[name].install}', or {remedy}"
        elif "safetensors" in str(error):
            remedy = f"a pickle is never loaded: convert it to safetensors, and {remedy}"
        else:
            remedy = f"run once with a network, or {remedy}"
        if self.kind != "dense":
            remedy += f", or '{UNTRAINED}' to measure its cost alone"
        first = (str(error).splitlines() or [type(error).__name__])[0]
        return MissingError(f"{self.kind} model {name!r} is not available ({first}); {remedy}")

    @cached_property
    def config(self) -> Any:
        """The transformer's configuration."""
        from transformers import AutoConfig

        with self.loading():
            return AutoConfig.from_pretrained(self.location)

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer."""
        from transformers import AutoTokenizer

        with self.loading():
            return AutoTokenizer.from_pretrained(self.location)

    @cached_property
    def shape(self) -> ModelShape:
        """The sizes that decide the transformer's FLOPs."""
        return ModelShape.from_config(self.config)

    def text_ids(self, count: int, *, seed: int) -> list[int]:
        """``count`` token ids of a made-up text."""
        size = int(self.config.vocab_size)
        return synthetic.token_ids(self.tokenizer, count, seed=seed, size=size)

    def ids(self, count: int, *, seed: int, prompt: str = "") -> list[int]:
        """A made-up text of ``count`` tokens after its prompt, between the special tokens."""
        first, last = self._special
        return [*first, *self._bare(prompt), *self.text_ids(count, seed=seed), *last]

    def overhead(self, prompt: str = "") -> int:
        """Tokens around a text: its prompt and the special ones."""
        return len(self._bare(prompt)) + sum(map(len, self._special))

    @cached_property
    def _special(self) -> tuple[list[int], list[int]]:
        """The special tokens before and behind a text."""
        whole, word = list(self.tokenizer("a").input_ids), self._bare("a")
        before = next(i for i in range(len(whole)) if whole[i : i + len(word)] == word)
        return whole[:before], whole[before + len(word) :]

    def _bare(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    def lengths(self, texts: list[str]) -> list[int]:
        """Tokens of each text, before anything is cut."""
        if not texts:
            return []
        encoded = self.tokenizer(texts, add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded.input_ids]

    def read(self, texts: list[str], limit: int) -> Read:
        """How much of these documents a model reads that takes ``limit`` tokens of each."""
        lengths = self.lengths(texts)
        lost = [length - limit for length in lengths if length > limit]
        return Read(sum(lengths) - sum(lost), len(lost), sum(lost))


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what transformers and sentence-transformers say of a head without weights."""
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class AllStates(nn.Module):
    """A forward of a whole model, then what is done with its output; for counting on ``meta``."""

    def __init__(self, model: Any, after: Callable[[Any], torch.Tensor]) -> None:
        super().__init__()
        self.model = model
        self.after = after

    @property
    def body(self) -> Any:
        """The transformer without its head."""
        return self.model.base_model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        """Token ids (B, L) and an all-visible mask (B, 1, L, L)."""
        output = self.model(input_ids=ids, attention_mask=mask)
        # A tracer drops what nothing returns, BERT's pooler for one.
        kept = [output.pooler_output] if "pooler_output" in output else []
        return self.after(output), *kept


def on_meta(
    auto: Any, config: Any, after: Callable[[Any], torch.Tensor]
) -> Callable[[int, int], MetaForward]:
    """Makes the trace of (batch, tokens) through a model of this class, without weights.

    Args:
        auto: transformers' class, such as ``AutoModel``.
        config: the model's.
        after: what is done with its output.
    """
    with torch.device("meta"):
        model = auto.from_config(config, attn_implementation="eager").eval()

    def traced(batch: int, tokens: int) -> MetaForward:
        ids = torch.empty(batch, tokens, dtype=torch.long, device="meta")
        mask = torch.empty(batch, 1, tokens, tokens, device="meta")
        return AllStates(model, after).eval(), (ids, mask)

    return traced


def dot(width: int, device: str, common: dict[str, Any]) -> Workload:
    """The score phase of a bi-encoder: one product of two vectors of this width."""

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
