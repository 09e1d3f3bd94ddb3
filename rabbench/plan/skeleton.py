"""A transformer from its configuration alone: its size, layers to time, or fake ones to weigh.

Knows torch and transformers; loads no weights and no tokenizer. Layers of one model are alike: a
few of them with random weights tell the time of all. Tensors without storage tell how many bytes a
forward holds at its peak.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from rabbench.models.catalog import CAUSAL, DENSE, PRESETS
from rabbench.models.closed_form import ModelShape
from rabbench.models.locate import package_path
from rabbench.models.prefix import build_cache, cache_arguments

# glibc maps blocks of this size and above one by one and returns them when freed; smaller ones come
# from its heap, where what is freed stays resident in fragments (mallopt(3), M_MMAP_THRESHOLD).
MAPPED = 32 << 20
RETAINED = 0.8  # of the live bytes in small blocks; measured with SmolLM2-135M, 256 to 2,048 tokens
FIRST = 18 << 20  # what threads and kernels take at a first forward; measured likewise
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
VOCABULARY = 256  # of a skeleton: the embedding is a lookup, whose size costs no time


@dataclass(frozen=True, order=True)
class Forward:
    """One forward through a body: B sequences of L new tokens over P cached ones."""

    batch: int
    tokens: int
    prefix: int = 0


def dtype_bytes(dtype: str) -> int:
    """Bytes of one value of a dtype by its name."""
    return int(getattr(torch, dtype.removeprefix("torch.")).itemsize)


def _trim_config(config: Any, layers: int) -> Any:
    """The configuration with another number of layers and a small vocabulary."""
    small = copy.deepcopy(config)
    small.num_hidden_layers, small.vocab_size = layers, VOCABULARY
    if isinstance(getattr(small, "layer_types", None), list):
        small.layer_types = small.layer_types[:layers]
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        if getattr(small, name, None) is not None:
            setattr(small, name, None)
    return small


def build_body(config: Any, *, layers: int, device: str, dtype: str, attention: str) -> Any:
    """A body of this many layers with random weights, in evaluation mode."""
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]), torch.device(device):
        model = AutoModel.from_config(
            _trim_config(config, layers),
            dtype=getattr(torch, dtype),
            attn_implementation=attention,
        )
    return model.eval().requires_grad_(False)


def build_forward(model: Any, work: Forward, device: str) -> Callable[[], Any]:
    """A call of this forward through a skeleton; the keys and values of a prefix are zeros."""
    ids = torch.zeros(work.batch, work.tokens, dtype=torch.long, device=device)  # (B, L)
    shape = ModelShape.from_config(model.config)
    size = (work.batch, shape.kv_heads, work.prefix, shape.head_dim)
    zeros = {"device": device, "dtype": next(model.parameters()).dtype}
    prefix = [
        (torch.zeros(size, **zeros), torch.zeros(size, **zeros))
        for _ in range(shape.layers if work.prefix else 0)
    ]

    def run() -> Any:
        with torch.inference_mode():
            cache = cache_arguments(model, build_cache(prefix)) if work.prefix else {}
            return model(input_ids=ids, **{"use_cache": False, **cache})

    return run


class _LiveBytes(TorchDispatchMode):
    """Bytes of the storages that exist, by watching each appear and go."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # torch leaves its base untyped
        self.now = self.peak = 0
        self.small = self.small_peak = 0  # bytes in blocks that a heap holds
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_flatten(out)[0]:
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        return out

    def _add(self, storage: Any) -> None:
        key = storage._cdata
        if key not in self._sizes:
            size = self._sizes[key] = storage.nbytes()
            self.now += size
            self.small += size if size < MAPPED else 0
            self.peak = max(self.peak, self.now)
            self.small_peak = max(self.small_peak, self.small)
            weakref.finalize(storage, self._remove, key)

    def _remove(self, key: int) -> None:
        size = self._sizes.pop(key, 0)
        self.now -= size
        self.small -= size if size < MAPPED else 0


def _build_unmasked(model: Any, work: Forward) -> Callable[[], Any]:
    """A forward that builds no mask, as a real one builds none.

    On tensors whose values cannot be read transformers expects several texts in one sequence and
    builds an L×L mask to part them, unless there is a cache; this one stores nothing.
    """
    from transformers.cache_utils import DynamicCache

    class Forgetful(DynamicCache):  # type: ignore[misc] # transformers is untyped here
        def update(self, keys: Any, values: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            return keys, values

    ids = torch.zeros(work.batch, work.tokens, dtype=torch.long)  # (B, L)

    def run() -> Any:
        with torch.inference_mode():
            return model(input_ids=ids, **cache_arguments(model, Forgetful()))

    return run


def peak_bytes(config: Any, work: Forward, *, device: str, dtype: str, attention: str) -> int:
    """Bytes that a forward needs at its peak, without weights and cached keys and values.

    Two layers are run on tensors without storage, exactly as they would be with one; further
    layers reuse the same room, and add only the keys and values that a cache keeps.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    shape = ModelShape.from_config(config)
    layers = min(2, shape.layers)
    with FakeTensorMode():
        model = build_body(config, layers=layers, device="cpu", dtype=dtype, attention=attention)
        run = _build_unmasked(model, work) if shape.masked and not work.prefix else None
        run = run or build_forward(model, work, "cpu")
        live = _LiveBytes()
        with live:
            run()
    cache = 0  # bytes of a layer's keys and values
    if work.prefix:
        tokens = work.batch * (work.prefix + work.tokens)
        cache = 2 * shape.kv_heads * shape.head_dim * dtype_bytes(dtype) * tokens
    heap = int(RETAINED * live.small_peak) + FIRST if device == "cpu" else 0
    return live.peak + (shape.layers - layers) * cache + heap


def count_parameters(config: Any) -> int:
    """Parameters of the whole model, tied ones once: with its LM head where it is a causal LM."""
    from transformers import AutoModel, AutoModelForCausalLM

    encoder = str(config.model_type) in {"bert", "roberta"}
    kind = AutoModel if encoder else AutoModelForCausalLM
    with torch.device("meta"):
        model = kind.from_config(config)
    return sum(parameter.numel() for parameter in model.parameters())


def describe_model(name: str, config: Any, dtype: str) -> dict[str, Any]:
    """Parameters of a model, the bytes of its weights here and as published, and of the download.

    ``download_bytes`` is 0 for what is on this machine and for a preset, whose weights are random.
    """
    count = count_parameters(config)
    # The presets are published in bfloat16, which their configurations here do not say.
    default = "bfloat16" if name in PRESETS else "float32"
    published = dtype_bytes(str(getattr(config, "dtype", None) or default))
    return {
        "parameters": count,
        "weights_bytes": count * dtype_bytes(dtype),
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
