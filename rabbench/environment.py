"""Where and with what a run happens: machine, device, versions, threads, commit, cache folder.

Describes; changes nothing and runs nothing at import.
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

import rabbench
from rabbench.types import MissingError, UsageError

PACKAGES = (
    "torch", "transformers", "sentence-transformers", "bm25s", "ranx", "ir-datasets", "fvcore",
    "matplotlib", "pandas", "numpy", "scipy", "statsmodels", "pytest-benchmark",
)  # fmt: skip


def home() -> Path:
    """The cache folder: ``RABBENCH_HOME``, or the platform's own place for caches."""
    if chosen := os.environ.get("RABBENCH_HOME"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("rabbench")


def device(name: str) -> str:
    """The torch device behind ``auto``, ``cpu`` or ``cuda``.

    Raises:
        MissingError: if ``cuda`` is asked for and there is none.
        UsageError: for any other name.
    """
    import torch

    if name not in {"auto", "cpu", "cuda"}:
        raise UsageError(f"unknown device {name!r}; known: auto, cpu, cuda")
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise MissingError("--device cuda: torch sees no CUDA device here; use --device cpu")
    return "cuda" if found and name != "cpu" else "cpu"


def _versions() -> dict[str, str]:
    found = {"rabbench": rabbench.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _git(*arguments: str) -> str | None:
    git = shutil.which("git")
    source = Path(rabbench.__file__).parent.parent
    if git is None or not (source / ".git").exists():
        return None
    done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        [git, "-C", str(source), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def clock() -> dict[str, float]:
    """How steady time is here: the timer's step, and the spread of a fixed piece of work.

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
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe() -> dict[str, Any]:
    """Machine, device, versions, threads and commit, as they stand in a results file.

    ``machine`` is a hash of the host's name and hardware: equal means comparable times.
    """
    import psutil
    import torch

    memory = psutil.virtual_memory().total
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    hardware = f"{platform.node()} {_cpu()} {psutil.cpu_count()} {memory >> 30} {gpus}"
    status = _git("status", "--porcelain", "--untracked-files=no")
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
        "versions": _versions(),
    }
