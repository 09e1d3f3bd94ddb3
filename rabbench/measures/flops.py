"""FLOPs, counted three ways that must agree: closed form, torch's counter, fvcore.

Both counters run the workload's forward on ``meta`` with eager attention: no weights, any length,
and the attention products are there. With fused attention on a CPU they miss it altogether (torch's
registry lacks the operator, fvcore knows none), and a quadratic model looks linear. A disagreement
above 1 % is therefore an error that names the operators, never a number.

Tracing all layers of a 7B model takes about 1.5 s, so both counters run one layer of a stack whose
layers print alike and whose first forward, run with all layers, gives both the same sum to the
digit. Each row says how many were run. Knows workloads, not systems; writes no files.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rabbench.types import Measurement, Point, Settings, cost_row

MEASURES = ("flops",)
TOLERANCE = 0.01
# Parts of the names of operators that multiply matrices.
PRODUCTS = ("mm", "matmul", "linear", "attention", "conv", "einsum", "dot", "addbmm")


@dataclass(frozen=True)
class Tally:
    """FLOPs of each module by its path under one counter; ``""`` is the whole module.

    ``uncounted`` names the matrix products that the counter has no formula for.
    """

    by_module: Mapping[str, int]
    uncounted: frozenset[str]

    @property
    def total(self) -> int:
        """FLOPs of the whole forward."""
        return self.by_module.get("", 0)


@dataclass(frozen=True)
class Counts:
    """FLOPs of one forward by the two counters, with the operators that either has no formula for.

    ``differing`` are the innermost modules that the counters differ on. ``layers`` is how many
    layers of each stack were run, as ``1 of 28``; empty for all.
    """

    torch: int
    fvcore: int
    uncounted: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    layers: str = ""


def _is_product(operator: str) -> bool:
    return any(part in operator for part in PRODUCTS)


def count_torch(module: Any, inputs: tuple[Any, ...]) -> Tally:
    """FLOPs by torch's FlopCounterMode."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode, flop_registry

    uncounted: set[str] = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            packet = func.overloadpacket
            if packet not in flop_registry and _is_product(packet.__name__):
                uncounted.add(f"{packet} (torch)")
            return func(*args, **(kwargs or {}))

    counter = FlopCounterMode(display=False)
    watch: Any = Watch()  # type: ignore[no-untyped-call] # torch leaves its base untyped
    with torch.no_grad(), counter, watch:
        module(*inputs)
    # torch's paths begin with the class of the outermost module.
    counts = {path: sum(count.values()) for path, count in counter.get_flop_counts().items()}
    by_module = {path.partition(".")[2]: count for path, count in counts.items()}
    return Tally(by_module | {"": counter.get_total_flops()}, frozenset(uncounted))


def count_fvcore(module: Any, inputs: tuple[Any, ...]) -> Tally:
    """FLOPs by fvcore, its multiply-accumulates times two.

    fvcore also charges norms a few operations an element; that handler is taken out, so that all
    three counts mean matrix products.
    """
    import torch
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module, inputs)
    analysis.set_op_handle("aten::layer_norm", lambda inputs, outputs: 0)  # noqa: ARG005 - fvcore's
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jit.trace warns of itself being old
        by_module = {path: 2 * int(macs) for path, macs in analysis.by_module().items()}
        missed = analysis.unsupported_ops()
    return Tally(by_module, frozenset(f"{name} (fvcore)" for name in missed if _is_product(name)))


def count(
    module: Any, inputs: tuple[Any, ...], *, repeated: Mapping[str, int] | None = None
) -> Counts:
    """FLOPs of one forward by both counters, of a module whose attention is eager.

    ``repeated`` are paths of modules whose count is added so many times more.
    """
    repeated = repeated or {}
    tallies = count_torch(module, inputs), count_fvcore(module, inputs)
    by_torch, by_fvcore = (
        tally.total + sum(more * tally.by_module[path] for path, more in repeated.items())
        for tally in tallies
    )
    return Counts(
        torch=by_torch,
        fvcore=by_fvcore,
        uncounted=tuple(sorted(tallies[0].uncounted | tallies[1].uncounted)),
        differing=_innermost_differing(*(tally.by_module for tally in tallies)),
        layers=", ".join(f"1 of {more + 1}" for more in repeated.values()),
    )


def _innermost_differing(first: Mapping[str, int], second: Mapping[str, int]) -> tuple[str, ...]:
    """Paths of both whose counts differ, without the paths around them."""
    paths = sorted(path for path in first.keys() & second.keys() if first[path] != second[path])

    def holds_another(path: str) -> bool:
        inside = f"{path}." if path else ""
        return any(inner.startswith(inside) for inner in paths if inner != path)

    return tuple(path for path in paths if not holds_another(path))


class FlopCounter:
    """Counts forwards, running one layer of each stack that allows it; see the module."""

    def __init__(self) -> None:
        self._multiplies: dict[tuple[Any, ...], bool] = {}  # by the stacks of a forward

    def count(self, module: Any, inputs: tuple[Any, ...]) -> Counts:
        """FLOPs of one forward by both counters; arguments as of :func:`count`."""
        stacks = _stacks(module)
        key = tuple(stacks.values())
        if self._multiplies.get(key):
            return _count_first_layers(module, inputs, stacks)
        counts = count(module, inputs)
        if stacks and key not in self._multiplies:
            alike = all(len({repr(layer) for layer in stack}) == 1 for stack in key)
            self._multiplies[key] = alike and counts == replace(
                _count_first_layers(module, inputs, stacks), layers=""
            )
        return counts


def _stacks(module: Any) -> dict[str, Any]:
    """The outermost lists of two layers or more, by path."""
    from torch.nn import ModuleList

    stacks: dict[str, Any] = {}
    for path, part in module.named_modules():
        inside = any(path.startswith(f"{outer}.") for outer in stacks)
        if isinstance(part, ModuleList) and len(part) > 1 and not inside:
            stacks[path] = part
    return stacks


def _count_first_layers(module: Any, inputs: tuple[Any, ...], stacks: Mapping[str, Any]) -> Counts:
    """Both counts from a forward through the first layer of each stack; the stacks are put back."""
    try:
        for path, stack in stacks.items():
            module.set_submodule(path, stack[:1])
        more = {f"{path}.0": len(stack) - 1 for path, stack in stacks.items()}
        return count(module, inputs, repeated=more)
    finally:
        for path, stack in stacks.items():
            module.set_submodule(path, stack)


def disagreement(closed_form: int, counts: Counts) -> float:
    """The largest relative difference of a counter from the closed form."""
    return max(abs(value - closed_form) / closed_form for value in (counts.torch, counts.fvcore))


def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
    """One ``flops`` row a point, counted densely, and one under the causal mask where it differs.

    A row's params hold all three counts. Where they differ by more than 1 % the status is
    ``error`` and ``params["message"]`` names the operators that a counter missed.
    """
    counts: dict[tuple[Any, ...], Counts] = {}
    counter = FlopCounter()
    for completed, point in enumerate(points):
        settings.progress(f"flops {point.system} {point.phase}", completed, len(points))
        workload = point.build()
        if workload.trace is None or workload.closed_form is None:
            reason = {"message": "runs no tensor operations that could be counted"}
            yield cost_row(point, "flops", None, "FLOP", status="unsupported", params=reason)
            continue
        module, inputs = workload.trace()
        # Phases that do not depend on the document are the same forward at every length.
        key = (point.system, point.phase, *(tuple(tensor.shape) for tensor in inputs))
        if key not in counts:
            counts[key] = counter.count(module, inputs)
        yield from _rows(point, workload.closed_form, counts[key], workload.units)


def _rows(point: Point, closed_form: Any, counts: Counts, units: int) -> Iterator[Measurement]:
    dense, causal = closed_form("dense"), closed_form("causal")
    difference = disagreement(dense, counts)
    params = {
        "pairs": "dense",
        "closed_form": dense,
        "torch": counts.torch,
        "fvcore": counts.fvcore,
        "agreement": difference,
        "layers_run": counts.layers or "all",
    }
    if difference > TOLERANCE or counts.uncounted:
        params["message"] = (
            f"FLOP counts differ by {difference:.1%}: closed form {dense:,}, "
            f"torch {counts.torch:,}, fvcore x2 {counts.fvcore:,}; {_explain(counts)}"
        )
        yield cost_row(point, "flops", None, "FLOP", status="error", params=params)
        return
    yield cost_row(point, "flops", dense / units, "FLOP", params=params)
    if causal != dense:
        params = {"pairs": "causal", "closed_form": causal}
        yield cost_row(point, "flops", causal / units, "FLOP", params=params)


def _explain(counts: Counts) -> str:
    """The cause of a disagreement, as far as the counters show it."""
    if counts.torch != counts.fvcore:
        modules = ", ".join(path or "the whole" for path in counts.differing)
        where = f"the counters differ in {modules}"
    elif counts.uncounted:
        where = "the counters agree, both without them"
    else:
        where = "the counters agree, so the closed form is off"
    operators = ", ".join(counts.uncounted) or "none that a counter reports as unknown"
    return f"operators missing: {operators}; {where}"
