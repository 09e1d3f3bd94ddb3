"""FLOPs, counted three ways that must agree: closed form, torch's counter, fvcore.

Both counters run the workload's forward on ``meta`` with eager attention: no weights, no memory,
any length, and the attention products are there. On a CPU with fused attention the same counters
miss attention altogether (torch's registry lacks the operator, fvcore knows none), and a quadratic
model looks linear; a disagreement above 1 % is therefore an error that names the operators, never
a number. Knows workloads, not systems; writes no files.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.records import Measurement, Point, Settings, row

MEASURES = ("flops",)
TOLERANCE = 0.01
# Parts of an operator's name that say it multiplies matrices.
PRODUCTS = ("mm", "matmul", "linear", "attention", "conv", "einsum", "dot", "addbmm")


@dataclass(frozen=True)
class Counts:
    """One workload's FLOPs by the two counters, with the operators each could not see."""

    torch: int
    fvcore: int
    unseen: tuple[str, ...]


def _is_product(operator: str) -> bool:
    return any(part in operator for part in PRODUCTS)


def count_torch(module: Any, inputs: tuple[Any, ...]) -> tuple[int, set[str]]:
    """FLOPs by torch's FlopCounterMode, and the matrix products its registry does not know."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode, flop_registry

    unseen: set[str] = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            packet = func.overloadpacket
            if packet not in flop_registry and _is_product(packet.__name__):
                unseen.add(f"{packet} (torch)")
            return func(*args, **(kwargs or {}))

    counter = FlopCounterMode(display=False)
    watch: Any = Watch()  # type: ignore[no-untyped-call] # torch leaves its base untyped
    with torch.no_grad(), counter, watch:
        module(*inputs)
    return counter.get_total_flops(), unseen


def count_fvcore(module: Any, inputs: tuple[Any, ...]) -> tuple[int, set[str]]:
    """FLOPs by fvcore (its multiply-accumulates times two), and the products it cannot see.

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
        total = 2 * int(analysis.total())
        missed = analysis.unsupported_ops()
    return total, {f"{name} (fvcore)" for name in missed if _is_product(name)}


def count(module: Any, inputs: tuple[Any, ...]) -> Counts:
    """FLOPs of one forward by both counters.

    Args:
        module: a torch module whose attention is eager.
        inputs: its positional inputs, on ``meta`` (or real, if small).
    """
    by_torch, unseen_torch = count_torch(module, inputs)
    by_fvcore, unseen_fvcore = count_fvcore(module, inputs)
    return Counts(by_torch, by_fvcore, tuple(sorted(unseen_torch | unseen_fvcore)))


def disagreement(closed_form: int, counts: Counts) -> float:
    """The largest relative difference of a counter from the closed form."""
    return max(abs(value - closed_form) / closed_form for value in (counts.torch, counts.fvcore))


def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
    """One ``flops`` row a point, counted densely, and one under the causal mask where it differs.

    A row's params hold all three counts. Where they differ by more than 1 % the status is
    ``error`` and ``params["message"]`` names the operators that a counter missed.
    """
    seen: dict[tuple[Any, ...], Counts] = {}
    for done, point in enumerate(points):
        settings.progress(f"flops {point.system} {point.phase}", done, len(points))
        workload = point.build()
        if workload.trace is None or workload.closed_form is None:
            message = "runs no tensor operations that could be counted"
            yield row(
                point, "flops", None, "FLOP", status="unsupported", params={"message": message}
            )
            continue
        module, inputs = workload.trace()
        # Phases that do not depend on the document are the same forward at every length.
        key = (point.system, point.phase, *(tuple(tensor.shape) for tensor in inputs))
        if key not in seen:
            seen[key] = count(module, inputs)
        yield from _rows(point, workload.closed_form, seen[key], workload.units)


def _rows(point: Point, closed_form: Any, counts: Counts, units: int) -> Iterator[Measurement]:
    dense, causal = closed_form("dense"), closed_form("causal")
    apart = disagreement(dense, counts)
    params = {
        "pairs": "dense",
        "closed_form": dense,
        "torch": counts.torch,
        "fvcore": counts.fvcore,
        "agreement": apart,
    }
    if apart > TOLERANCE or counts.unseen:
        operators = ", ".join(counts.unseen) or "none that a counter reports as unknown"
        message = (
            f"FLOP counts differ by {apart:.1%}: closed form {dense:,}, torch {counts.torch:,}, "
            f"fvcore x2 {counts.fvcore:,}; operators missing: {operators}"
        )
        yield row(
            point, "flops", None, "FLOP", status="error", params={**params, "message": message}
        )
        return
    yield row(point, "flops", dense / units, "FLOP", params=params)
    if causal != dense:
        params = {"pairs": "causal", "closed_form": causal}
        yield row(point, "flops", causal / units, "FLOP", params=params)
