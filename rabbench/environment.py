"""The environment of a run: machine, device, versions, threads, commit, cache folder.

Describes it; changes nothing and runs nothing at import.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rabbench.types import MissingError, unknown_name_error

PACKAGES = (
    "rabbench", "torch", "transformers", "sentence-transformers", "bm25s", "ranx", "ir-datasets",
    "fvcore", "matplotlib", "pandas", "numpy", "scipy", "statsmodels", "pytest-benchmark",
)  # fmt: skip


def home() -> Path:
    """The cache folder: ``RABBENCH_HOME``, or the platform's own place for caches."""
    if folder := os.environ.get("RABBENCH_HOME"):
        return Path(folder).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("rabbench")


def device(name: str) -> str:
    """The torch device behind ``auto``, ``cpu`` or ``cuda``; UsageError for any other name.

    MissingError for ``cuda`` on a machine without one.
    """
    import torch

    if name not in {"auto", "cpu", "cuda"}:
        raise unknown_name_error("device", name, ("auto", "cpu", "cuda"))
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise MissingError("--device cuda: torch sees no CUDA device here; use --device cpu")
    return "cuda" if has_cuda and name != "cpu" else "cpu"


def installed_version(package: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    git = shutil.which("git")
    source = Path(__file__).parent.parent
    if git is None or not (source / ".git").exists():
        return None
    process = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        [git, "-C", str(source), *arguments], capture_output=True, text=True, check=False
    )
    return process.stdout.strip() if process.returncode == 0 else None


def clock() -> dict[str, float]:
    """Steadiness of the clock: the timer's step, and the spread of a fixed piece of work.

    ``noise`` is the interquartile range of 200 runs of about half a millisecond, over their
    median; on an idle machine it is a few percent at most.
    """
    samples = []
    for _ in range(200):
        start = time.perf_counter()
        sum(range(20_000))
        samples.append(time.perf_counter() - start)
    low, middle, high = statistics.quantiles(samples, n=4)
    return {
        "resolution_s": time.get_clock_info("perf_counter").resolution,
        "noise": (high - low) / middle,
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def describe() -> dict[str, Any]:
    """Machine, device, versions, threads and commit, in the form of a results file.

    ``machine`` is a hash of the host's name and hardware: equal means comparable times.
    """
    import psutil
    import torch

    memory = psutil.virtual_memory().total
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    hardware = f"{platform.node()} {_cpu()} {psutil.cpu_count()} {memory >> 30} {gpus}"
    status = _git("status", "--porcelain", "--untracked-files=no")
    versions = {package: installed_version(package) or "not installed" for package in PACKAGES}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": hashlib.sha256(hardware.encode()).hexdigest()[:12],
        "cpu": _cpu(),
        "cores": psutil.cpu_count(logical=True),
        "memory_bytes": memory,
        "gpus": gpus,
        "system": f"{platform.system()} {platform.release()}",
        "threads": torch.get_num_threads(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "clock": clock(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "commit": _git("rev-parse", "HEAD"),
        "modified": bool(status) if status is not None else None,
        "versions": {
            "rabbench": versions["rabbench"],
            "python": platform.python_version(),
            **versions,
        },
    }
