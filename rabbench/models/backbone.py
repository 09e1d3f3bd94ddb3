"""A causal language model and its tokenizer, by name: folder, hub, packaged GGUF, or shape only.

Knows the source of weights, the forward to final hidden states and the head's logits; knows nothing
of documents or queries. Weights and tokenizer load on first use: counting a 7B model's FLOPs needs
neither.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch

from rabbench.models.catalog import PRESETS
from rabbench.models.checkpoint import Checkpoint, find
from rabbench.models.closed_form import ModelShape
from rabbench.models.locate import locate, missing_model_error, progress_bars
from rabbench.models.prefix import Prefix, build_cache, cache_arguments, pad, read_cache
from rabbench.types import Progress, UsageError, no_progress


@dataclass(frozen=True)
class Backbone:
    """A causal LM that is loaded when first used."""

    name: str  # as on the command line
    source: str  # folder, hub, package or preset (configuration only)
    location: str  # folder or hub id that transformers loads from; empty for a preset
    revision: str | None  # of the hub, or a content hash of local weights
    device: str  # these three by their names in torch and transformers
    dtype: str
    attention: str
    seed: int = 0  # of a preset's random weights
    checkpoint: Checkpoint | None = None  # of rabbench train, if the name is of such a folder

    @property
    def has_weights(self) -> bool:
        """False for a preset, whose weights are random and which has no tokenizer."""
        return self.source != "preset"

    @cached_property
    def config(self) -> Any:
        """The transformers configuration."""
        from transformers import AutoConfig

        if not self.has_weights:
            return AutoConfig.for_model(**PRESETS[self.name])
        return self._load(AutoConfig)

    @cached_property
    def shape(self) -> ModelShape:
        """The sizes that the closed form of the FLOPs needs."""
        return ModelShape.from_config(self.config)

    @property
    def context(self) -> int:
        """The model's longest sequence, in tokens."""
        return int(self.config.max_position_embeddings)

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer; UsageError for a preset, which has none."""
        if not self.has_weights:
            raise UsageError(
                f"{self.name!r} is a shape preset without tokenizer or weights: it can be "
                "measured for cost but not for quality; give --model a model with weights"
            )
        from transformers import AutoTokenizer

        return self._load(AutoTokenizer)

    @cached_property
    def model(self) -> Any:
        """The model in evaluation mode on ``device``; its weights are resident, not mapped."""
        from transformers import AutoModelForCausalLM

        kind: Any = {"dtype": getattr(torch, self.dtype), "attn_implementation": self.attention}
        if self.has_weights:
            model = self._load(AutoModelForCausalLM, use_safetensors=True, **kind)  # no pickle
        else:
            torch.manual_seed(self.seed)
            with self._load_errors(), torch.device(self.device):
                model = AutoModelForCausalLM.from_config(self.config, **kind)
        if self.checkpoint is not None and self.checkpoint.adapter is not None:
            from peft import PeftModel

            with hide_renaming_warning():
                adapted = PeftModel.from_pretrained(model, str(self.checkpoint.adapter))
                model = adapted.merge_and_unload()
        model = model.to(self.device).eval().requires_grad_(False)
        for parameter in model.parameters():
            # A memory-mapped weight is not resident until it is read; the peak memory of the first
            # forward would then include the weights.
            parameter.data = parameter.data.clone()
        return model

    @cached_property
    def meta_model(self) -> Any:
        """The same architecture without weights on ``meta`` with eager attention, for counting."""
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(
                self.config,
                attn_implementation="eager",
                # Other implementations of experts look at values, which ``meta`` has none of.
                experts_implementation="batched_mm",
            )
        return model.eval().requires_grad_(False)

    def hidden(
        self, sequences: Sequence[Sequence[int]], *, prefix: Prefix | None = None
    ) -> torch.Tensor:
        """Final states (after the last norm) at the last token of B sequences, none empty: (B, d).

        In the model's dtype, on its device. ``prefix`` has the keys and values of P tokens before
        every sequence, which are not run again. Sequences are padded on the right without a mask:
        under causal attention no token sees the padding behind it, and the fast kernel applies.
        """
        tokens, ends = pad(sequences)  # (B, L), (B,)
        body, arguments = self.model.base_model, {"use_cache": False}
        if prefix is not None:
            size = (len(ends), -1, -1, -1)  # (B, g, P, e), not copied
            cache = build_cache(
                [(keys.expand(size), values.expand(size)) for keys, values in prefix]
            )
            arguments = cache_arguments(body, cache)
        with torch.inference_mode():
            output = body(input_ids=tokens.to(self.device), **arguments)
            states: torch.Tensor = output.last_hidden_state  # (B, L, d)
            return states[torch.arange(len(ends)), ends]

    def encode(
        self, sequences: Sequence[Sequence[int]], *, batch: int, progress: Progress = no_progress
    ) -> torch.Tensor:
        """:meth:`hidden` of N sequences in their order, (N, d), run in batches of similar length.

        UsageError if a sequence is longer than the model's context.
        """
        order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]), reverse=True)
        longest = len(sequences[order[0]])
        if longest > self.context:
            raise UsageError(
                f"a sequence of {longest} tokens exceeds the context of {self.name!r} "
                f"({self.context} tokens); lower --max-doc-tokens"
            )
        states = []
        for start in range(0, len(order), batch):
            progress(f"{self.name} forward", start, len(order))
            states.append(self.hidden([sequences[i] for i in order[start : start + batch]]))
        return torch.cat(states)[torch.tensor(order).argsort()]

    def prefix(self, ids: Sequence[int]) -> Prefix:
        """Keys and values of P token ids, (1, g, P, e) each for every layer."""
        tokens = torch.tensor([list(ids)], device=self.device)  # (1, P)
        with torch.inference_mode():
            cache = read_cache(self.model.base_model(input_ids=tokens, use_cache=True))
        return [(layer.keys, layer.values) for layer in cache.layers]

    def logits(self, hidden: torch.Tensor, tokens: Sequence[int] | None = None) -> torch.Tensor:
        """:func:`vocabulary_logits` of final states (B, d): (B, V), or (B, T) of T tokens."""
        with torch.inference_mode():
            return vocabulary_logits(self.model, hidden, tokens)

    def _load(self, factory: Any, **arguments: Any) -> Any:
        revision = self.revision if self.source == "hub" else None
        with self._load_errors():
            return factory.from_pretrained(self.location, revision=revision, **arguments)

    @contextmanager
    def _load_errors(self) -> Iterator[None]:
        """Give the remedy for a model that cannot be loaded; show a bar only for downloads.

        MissingError if it cannot be found, UsageError without fused attention for its family.
        """
        try:
            with progress_bars(visible=self.source == "hub"):
                yield
        except OSError as error:
            raise missing_model_error(self.name, str(error).splitlines()[0]) from error
        except ValueError as error:
            if "scaled_dot_product_attention" not in str(error):
                raise
            lack = "has no fused attention in transformers; give --attention eager"
            raise UsageError(f"{self.name} {lack}") from error


def vocabulary_logits(
    model: Any, hidden: torch.Tensor, tokens: Sequence[int] | None = None
) -> torch.Tensor:
    """Logits in float32 of final hidden states (B, d): (B, V), or of some tokens alone (B, T).

    With the configuration's soft cap and scale. A few tokens' logits cost next to nothing, the
    whole vocabulary's as much as several layers of a small model; the few are multiplied in
    float32 whatever the model's type, since the difference of two is what counts.
    """
    head, config = model.get_output_embeddings(), model.config
    if tokens is None:
        logits: torch.Tensor = head(hidden).float()
    else:
        rows = list(tokens)
        bias = None if head.bias is None else head.bias[rows].float()
        with torch.autocast(hidden.device.type, enabled=False):
            logits = torch.nn.functional.linear(hidden.float(), head.weight[rows].float(), bias)
    if scale := getattr(config, "logits_scaling", None):
        logits = logits / scale
    if cap := getattr(config, "final_logit_softcapping", None):
        logits = cap * torch.tanh(logits / cap)
    return logits


@contextmanager
def hide_renaming_warning() -> Iterator[None]:
    """Hide peft 0.21's warning about a name that transformers 5.23 replaced."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        yield


@lru_cache(maxsize=4)
def resolve(
    name: str,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    attention: str = "sdpa",
    seed: int = 0,
) -> Backbone:
    """Find a model by name; nothing heavy is loaded. The rest are fields of :class:`Backbone`.

    The name is short (``smollm2-135m``), of a shape preset (``qwen2-7b``), a folder of a model or
    of a trained checkpoint, or a hub id ``org/name`` with an optional ``@revision``.

    Raises:
        UsageError: if the name is none of these; the message lists the short names.
        MissingError: if a model of the catalog is not on this machine and cannot be fetched.
    """
    checkpoint = find(name)
    base = name if checkpoint is None else checkpoint.base
    source, location, revision = locate(
        str(checkpoint.folder) if checkpoint and base == "." else base
    )
    return Backbone(name, source, location, revision, device, dtype, attention, seed, checkpoint)
