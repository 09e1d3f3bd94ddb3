"""How large a model is, and whether it must be downloaded; knows names, loads no weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rabbench.models.catalog import CAUSAL, DENSE, PRESETS
from rabbench.models.locate import package_path
from rabbench.plan import skeleton

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


def describe_model(name: str, config: Any, dtype: str) -> dict[str, Any]:
    """Parameters of a model, the bytes of its weights here and as published, and of the download.

    ``download_bytes`` is 0 for what is on this machine and for a preset, whose weights are random.
    """
    count = skeleton.count_parameters(config)
    # The presets are published in bfloat16, which their configurations here do not say.
    default = "bfloat16" if name in PRESETS else "float32"
    published = skeleton.dtype_bytes(str(getattr(config, "dtype", None) or default))
    return {
        "parameters": count,
        "weights_bytes": count * skeleton.dtype_bytes(dtype),
        "published_bytes": count * published,
        "download_bytes": 0 if is_local(name) else count * published,
        "random": name in PRESETS,
        "layers": int(config.num_hidden_layers),
    }


def is_local(name: str) -> bool:
    """Whether a model's weights are on this machine, or are none."""
    from huggingface_hub import try_to_load_from_cache

    if name in PRESETS or Path(name).expanduser().is_dir():
        return True
    entry = CAUSAL.get(name) or DENSE.get(name)
    if entry is not None and package_path(entry) is not None:
        return True
    hub, _, revision = (entry.hub if entry else name).partition("@")
    cached = (try_to_load_from_cache(hub, file, revision=revision or None) for file in WEIGHTS)
    return any(isinstance(path, str) for path in cached)
