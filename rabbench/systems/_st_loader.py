"""A sentence-transformers model by name: its place, weights and tokenizer, and its encoder's frame.

Shared by the systems that run one. Knows how a name is looked up, and the error for one that is
missing; knows nothing of searching. ``untrained`` stands for the bi-encoder's own transformer under
a fresh head: it costs as much as a trained one, its ranking means nothing, and rows say so.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from rabbench.config.options import Options
from rabbench.models import synthetic
from rabbench.models.catalog import BI_ENCODERS, DENSE
from rabbench.models.locate import package_path, progress_bars
from rabbench.systems._encoder import TransformerEncoder, read_counts
from rabbench.types import MissingError, UsageError

UNTRAINED = "untrained"
SAFE = {"use_safetensors": True}  # never a pickle


@dataclass(frozen=True)
class StLoader:
    """A model, as the options name it; ``kind`` is of the system: ``dense``, ``sparse`` ….

    Raises:
        UsageError: if the name is neither registered, nor a folder, nor a hub id.
    """

    kind: str
    name: str
    options: Options

    def __post_init__(self) -> None:
        """Refuse an unknown name."""
        _ = self.location

    @property
    def trained(self) -> bool:
        """Whether the model was trained for this kind of system."""
        return self.name != UNTRAINED

    @property
    def model_name(self) -> str:
        """The model's name; of an untrained one the name of its body."""
        return self.name if self.trained else self.options.dense_model

    @cached_property
    def location(self) -> str:
        """The folder or hub id."""
        name = self.model_name
        if name in DENSE:
            return str(package_path(DENSE[name]) or DENSE[name].hub)
        folder = Path(name).expanduser()
        if folder.is_dir():
            return str(folder)
        if name.count("/") != 1:
            names = [*DENSE, *(BI_ENCODERS if self.kind == "dense" else (UNTRAINED,))]
            raise UsageError(
                f"unknown {self.kind} model {name!r}; known: {', '.join(names)}; or a folder, or "
                "a hub id"
            )
        return name

    @property
    def params(self) -> dict[str, Any]:
        """The row's params that identify the model."""
        params = self.options.row_params(self.model_name, "float32")
        return params if self.trained else {**params, "trained": False}

    def load(
        self, model_class: Any, untrained: Callable[[], dict[str, Any]] = dict, **arguments: Any
    ) -> Any:
        """The model in evaluation mode, without gradients; ``arguments`` are of its class.

        ``untrained`` gives those of an untrained model, where it needs ``modules``.

        Raises:
            MissingError: if the model is neither here nor downloadable.
        """
        with self.loading():
            arguments |= {} if self.trained else untrained()
            if "modules" not in arguments:
                arguments["model_kwargs"] = self.transformer_arguments
                model_class = partial(model_class, self.location)
            model = model_class(device=self.options.device, **arguments)
        return model.eval().requires_grad_(False)

    @property
    def transformer_arguments(self) -> dict[str, Any]:
        """For the transformer, however it is loaded."""
        return {"attn_implementation": self.options.attention, **SAFE}

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Around the loading of a model: a MissingError, its progress, a fresh head's seed."""
        with (
            nullcontext() if self.trained else _quiet(),  # a fresh head is intended
            progress_bars(visible=not Path(self.location).is_dir()),
            torch.random.fork_rng(devices=[]),
        ):
            torch.manual_seed(self.options.seed)
            try:
                yield
            except OSError as error:
                raise self.missing(error) from error

    def missing(self, error: Exception) -> MissingError:
        """The error for a model that is not here, with the way to get it."""
        name = self.model_name
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
        reason = first_line(error)
        return MissingError(f"{self.kind} model {name!r} is not available ({reason}); {remedy}")

    def _from_pretrained(self, auto_class: str) -> Any:
        import transformers

        with self.loading():
            return getattr(transformers, auto_class).from_pretrained(self.location)

    @cached_property
    def config(self) -> Any:
        """The transformer's configuration."""
        return self._from_pretrained("AutoConfig")

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer."""
        return self._from_pretrained("AutoTokenizer")

    def max_tokens(self, model: Callable[[], Any]) -> int:
        """Tokens that the model reads; of an untrained one by its configuration, not loaded."""
        if self.trained:
            return int(model().max_seq_length)
        return int(min(self.tokenizer.model_max_length, self.config.max_position_embeddings))

    def ids(self, count: int, *, prompt: str = "") -> list[int]:
        """A made-up text of ``count`` tokens after its prompt, between the special tokens."""
        first, last = self._special
        size = int(self.config.vocab_size)
        text = synthetic.token_ids(self.tokenizer, count, seed=self.options.seed, size=size)
        return [*first, *self._bare(prompt), *text, *last]

    def overhead(self, prompt: str = "") -> int:
        """Tokens around a text: its prompt and the special ones."""
        return len(self._bare(prompt)) + sum(map(len, self._special))

    @cached_property
    def _special(self) -> tuple[list[int], list[int]]:
        """The special tokens before and behind a text."""
        whole, word = list(self.tokenizer("a").input_ids), self._bare("a")
        before = next(i for i in range(len(whole)) if whole[i : i + len(word)] == word)
        return whole[:before], whole[before + len(word) :]

    def _bare(self, text: str | list[str]) -> list[Any]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    def lengths(self, texts: list[str]) -> list[int]:
        """Tokens of each text, before anything is cut."""
        return [len(ids) for ids in self._bare(texts)] if texts else []


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back warnings of a head without weights."""
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    levels = {logger: logger.level for logger in loggers}
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def forward(model: Any, ids: torch.Tensor, output: str, **arguments: Any) -> Any:
    """One output, by name, of a sentence-transformers model for token ids (B, L)."""
    features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.inference_mode():
        return model(features, **arguments)[output]


class SentenceEncoder(TransformerEncoder):
    """An encoder through sentence-transformers; a subclass loads it and runs its forward."""

    def __init__(self, loader: StLoader) -> None:
        self.loader = loader
        self.options = loader.options

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.loader.params

    @cached_property
    @abstractmethod
    def model(self) -> Any:
        """The sentence-transformers model, in evaluation mode; see ``StLoader.load``."""

    @cached_property
    def prompts(self) -> Mapping[str, str]:
        """The text before a ``query`` or a ``document``; none by default."""
        return {}

    @cached_property
    def config(self) -> Any:
        """The transformer's configuration."""
        return self.loader.config

    def _encode(self, texts: list[str], kind: str, **arguments: Any) -> Any:
        encode = self.model.encode_query if kind == "query" else self.model.encode_document
        return encode(texts, batch_size=self.options.batch, show_progress_bar=False, **arguments)

    def read(self, texts: list[str]) -> Mapping[str, int]:
        """How much of these documents is read."""
        return read_counts(self.loader.lengths(texts), self._limit("document"))

    def _max_tokens(self, kind: str) -> int:
        """Tokens that the model reads; without loading an untrained one."""
        del kind
        return self.loader.max_tokens(lambda: self.model)

    def _limit(self, kind: str) -> int:
        """Tokens of a text that fit beside its prompt and the special tokens."""
        return self._max_tokens(kind) - self.loader.overhead(self.prompts.get(kind, ""))

    def _text(self, kind: str, length: int) -> tuple[int, torch.Tensor]:
        tokens = min(length, self._limit(kind))
        ids = self.loader.ids(tokens, prompt=self.prompts.get(kind, ""))
        return tokens, torch.tensor([ids], device=self.options.device)

    def _flops(self, tokens: int, pairs: str) -> int:
        """Those of the transformer, and an encoder's own pooler, which it always computes."""
        pooler = 0 if self.shape.masked else 2 * self.shape.width**2
        return super()._flops(tokens, pairs) + pooler
