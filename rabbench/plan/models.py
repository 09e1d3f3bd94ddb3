"""How large a model is, and whether it must be downloaded; knows names, loads no weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from rabbench.models.catalog import CAUSAL, DENSE, PRESETS
from rabbench.models.locate import package_path
from rabbench.plan import skeleton

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


def described(name: str, config: Any, dtype: str) -> dict[str, Any]:
    """Parameters of a model, the bytes of its weights here and as published, and what is missing.

    ``download_bytes`` is 0 for what is on this machine and for a preset, whose weights are random.
    """
    count = skeleton.parameters(config)
    published = _size(str(getattr(config, "dtype", None) or PRESET_DTYPE.get(name, "float32")))
    return {
        "parameters": count,
        "weights_bytes": count * _size(dtype),
        "published_bytes": count * published,
        "download_bytes": 0 if is_local(name) else count * published,
        "random": name in PRESETS,
        "layers": int(config.num_hidden_layers),
    }


# Published presets' dtype; their configurations here do not say it.
PRESET_DTYPE = dict.fromkeys(PRESETS, "bfloat16")


def _size(dtype: str) -> int:
    return torch.empty((), dtype=getattr(torch, dtype.removeprefix("torch."))).element_size()


def is_local(name: str) -> bool:
    """Whether a model's weights are on this machine, or are none."""
    from huggingface_hub import try_to_load_from_cache

    if name in PRESETS or Path(name).expanduser().is_dir():
        return True
    named = CAUSAL.get(name) or DENSE.get(name)
    if named is not None and package_path(named) is not None:
        return True
    hub, _, revision = (named.hub if named else name).partition("@")
    cached = (try_to_load_from_cache(hub, file, revision=revision or None) for file in WEIGHTS)
    return any(isinstance(found, str) for found in cached)
