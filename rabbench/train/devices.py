"""Training on several devices: one process each, which accelerate's launcher starts.

    accelerate launch --num_processes 4 -m rabbench train teacher …

The Trainer divides a step's queries and averages the gradients. The rest is here: the first process
writes, all read what it wrote, and divisible work is divided. Processes share one disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, reduce

T = TypeVar("T")


@contextmanager
def process_group(device: str) -> Iterator[bool]:
    """Join the other processes, each with a ``device`` of its own; yields whether this is first."""
    state = PartialState(cpu=device == "cpu")
    try:
        yield bool(state.is_main_process)
    finally:
        state.destroy_process_group()


def is_first() -> bool:
    """Whether this process is the one that writes."""
    return bool(PartialState().is_main_process)


def count() -> int:
    """How many processes there are."""
    return int(PartialState().num_processes)


def wait() -> None:
    """Go on once all processes are here, so that what the first wrote can be read."""
    PartialState().wait_for_everyone()


def share(items: Sequence[T]) -> Sequence[T]:
    """This process's part of the first one's items; each item is in one process's part."""
    state, values = PartialState(), [items]
    broadcast_object_list(values)  # in place
    return values[0][state.process_index :: state.num_processes]


def maximum(value: int) -> int:
    """The highest of all processes' values."""
    tensor = torch.tensor(value, device=PartialState().device)
    return int(reduce(tensor, reduction="max"))


def mean(values: Mapping[str, float]) -> dict[str, float]:
    """Each figure's mean over the processes; all have the same figures, in any order."""
    names = sorted(values)
    tensor = torch.tensor([values[name] for name in names], device=PartialState().device)
    return dict(zip(names, reduce(tensor, reduction="mean").tolist(), strict=True))
