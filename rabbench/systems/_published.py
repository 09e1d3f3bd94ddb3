"""The large bi-encoders that papers compare with, run as their authors do: prompts, pooling, LoRA.

Knows a preset's data and nothing of any one model. Weights are read in bfloat16, as published; a
machine without the memory for them is refused before anything is loaded.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from rabbench.config.options import Options
from rabbench.models.catalog import BiEncoder
from rabbench.models.locate import progress_bars
from rabbench.systems._encoder import TransformerEncoder, read_counts
from rabbench.systems._st_loader import SAFE, first_line
from rabbench.types import MissingError

DTYPE = torch.bfloat16
OVERHEAD = 1.1  # of the weights' bytes, for the tensors of a forward


class PublishedCheckpoint(TransformerEncoder):
    """A preset's model, one unit vector a text."""

    def __init__(self, options: Options, preset: BiEncoder) -> None:
        self.options = options
        self.preset = preset

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.options.row_params(self.options.dense_model, "bfloat16")

    @property
    def _body(self) -> str:
        return self.preset.base or self.preset.hub

    @property
    def _needed_bytes(self) -> float:
        return OVERHEAD * self.preset.parameters * DTYPE.itemsize

    def _missing(self, why: str, remedy: str) -> MissingError:
        adapter = f" (a LoRA adapter of {self.preset.base})" if self.preset.base else ""
        return MissingError(
            f"dense model {self.options.dense_model!r} is {self.preset.hub}{adapter}, licence: "
            f"{self.preset.licence}; its {self.preset.parameters / 1e9:.1f} billion parameters "
            f"need {self._needed_bytes / 1e9:.1f} GB of memory in bfloat16; {why}; {remedy}"
        )

    @cached_property
    def model(self) -> Any:
        """The transformer without its head, the adapter merged in.

        Raises:
            MissingError: if the memory, the weights, or peft for an adapter are not there.
        """
        from transformers import AutoModel

        free = _free_bytes(self.options.device)
        if free < self._needed_bytes:
            raise self._missing(
                f"{free / 1e9:.1f} GB are free on {self.options.device}",
                "take a larger machine or GPU, or a smaller --dense-model",
            )
        arguments = {"dtype": DTYPE, "attn_implementation": self.options.attention, **SAFE}
        with self._loading(), progress_bars(visible=not Path(self._body).is_dir()):
            model = AutoModel.from_pretrained(self._body, config=self.config, **arguments)
            if self.preset.base:
                model = _with_adapter(model, self.preset.hub)
        return model.to(self.options.device).eval().requires_grad_(False)

    @contextmanager
    def _loading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            gated = ", after accepting its terms there and logging in" if self.preset.base else ""
            remedy = f"run once with a network{gated}, or name a --dense-model that is here"
            raise self._missing(f"not available ({first_line(error)})", remedy) from error
        except ImportError as error:
            raise self._missing(str(error), "pip install peft") from error

    @cached_property
    def config(self) -> Any:
        """The transformer's configuration."""
        from transformers import AutoConfig

        with self._loading():
            config = AutoConfig.from_pretrained(self._body)
        if self.preset.bidirectional:
            config.is_causal = False  # transformers then masks nothing but padding
        return config

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer; an adapter reads as its base does."""
        from transformers import AutoTokenizer

        with self._loading():
            return AutoTokenizer.from_pretrained(self._body)

    def _around(self, kind: str) -> tuple[list[int], list[int]]:
        """Token ids before a text, the model's own first token included, and behind it."""
        before, behind = getattr(self.preset, kind)
        first = self.tokenizer(before).input_ids
        if first and first[-1] == self.tokenizer.eos_token_id and not before.endswith("</s>"):
            first = first[:-1]
        return list(first), self._bare([behind])[0]

    def _bare(self, texts: list[str]) -> list[list[int]]:
        return list(self.tokenizer(texts, add_special_tokens=False, verbose=False).input_ids)

    def read(self, texts: list[str]) -> Mapping[str, int]:
        """How much of these documents is read."""
        return read_counts(map(len, self._bare(texts)), self._room("document"))

    def _room(self, kind: str) -> int:
        return self.preset.max_tokens - sum(map(len, self._around(kind)))

    def _encode(self, texts: list[str], kind: str) -> torch.Tensor:
        """Unit vectors (n, d), float32 on the CPU; longest texts first."""
        _ = self.model  # too little memory is reported before any other lack
        before, behind = self._around(kind)
        room = self._room(kind)
        whole = [[*before, *ids[:room], *behind] for ids in self._bare(texts)]
        order = sorted(range(len(whole)), key=lambda place: -len(whole[place]))
        first = len(before) if self.preset.pooled == 0 else -self.preset.pooled
        vectors: list[torch.Tensor] = [torch.empty(0)] * len(whole)
        for start in range(0, len(order), self.options.batch):
            places = order[start : start + self.options.batch]
            states = self._states([whole[place] for place in places])
            for place, state in zip(places, states, strict=True):
                # A text without tokens leaves its prompt alone to be read.
                vectors[place] = (state[first:] if len(state[first:]) else state).mean(0)
        return normalize(torch.stack(vectors).float(), dim=-1).cpu()

    def _states(self, parts: list[list[int]]) -> list[torch.Tensor]:
        """Final states of each sequence's own tokens, (L, d)."""
        rows = [torch.tensor(part) for part in parts]
        # Padded behind: positions stay those of the text.
        ids = pad_sequence(rows, batch_first=True).to(self.options.device)  # (B, L)
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True).to(ids)
        with torch.inference_mode():
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return [state[: len(row)].float() for state, row in zip(states, rows, strict=True)]

    def _forward(self, ids: torch.Tensor, kind: str) -> Any:
        del kind
        return self._states(ids.tolist())

    def _text(self, kind: str, length: int) -> tuple[int, torch.Tensor]:
        before, behind = self._around(kind)
        tokens = min(length, self._room(kind))
        return tokens, torch.tensor([[*before, *[1] * tokens, *behind]])

    def _flops(self, tokens: int, pairs: str) -> int:
        # Every token of a bidirectional model sees every other.
        return super()._flops(tokens, "dense" if self.preset.bidirectional else pairs)


def _with_adapter(model: Any, hub: str) -> Any:
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft's, of transformers' own names
        return PeftModel.from_pretrained(model, hub).merge_and_unload()


def _free_bytes(device: str) -> int:
    """Free memory of the device."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info()
        return int(free)
    import psutil

    return int(psutil.virtual_memory().available)
