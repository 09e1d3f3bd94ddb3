"""Head over base: is the working tree slower, or hungrier, than another commit?

    python benchmarks/base_and_head.py [--turns N] [COMMIT [-- OPTIONS OF rabbench scaling]]

Checks the commit out beside the tree and sweeps with both in turn, in one environment, so that
what the machine does meanwhile hits both alike; then ``rabbench check --absolute``. Exits as that
does. While the verdict is unclear another turn is taken, up to ``--turns``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
SWEEP = (
    "--model", "smollm2-135m-shape", "--systems", "teacher,teacher-cached,rabtriever",
    "--min-doc-len", "32", "--max-doc-len", "512", "--points", "7", "--rounds", "5",
    "--measures", "memory,latency", "--device", "cpu", "--quiet",
)  # fmt: skip
UNCLEAR = 3


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """A worktree of the commit, removed again."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", str(folder), commit], check=True)  # noqa: S603
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)  # noqa: S603


def rabbench(tree: Path, *words: str) -> int:
    """Run the command line of a tree in this environment."""
    paths = [str(tree), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-m", "rabbench", *words]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep in turn, then check; the exit code of the check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit", nargs="?", default="HEAD", help="the base (default HEAD)")
    parser.add_argument("--turns", type=int, default=4, help="at most so many (default 4)")
    parser.add_argument("sweep", nargs="*", default=SWEEP, help="options of rabbench scaling")
    arguments = parser.parse_args(argv)
    bases: list[str] = []
    heads: list[str] = []
    code = UNCLEAR
    with (
        tempfile.TemporaryDirectory() as folder,
        checked_out(arguments.commit, Path(folder) / "tree") as tree,
    ):
        while code == UNCLEAR and len(heads) < arguments.turns:
            for name, checkout, runs in (("base", tree, bases), ("head", ROOT, heads)):
                out = Path(folder) / f"{name}-{len(runs)}"
                failed = rabbench(checkout, "scaling", *arguments.sweep, "--out", str(out))
                if failed:
                    return failed
                runs.append(str(out))
            baselines = [word for out in bases for word in ("--baseline", out)]
            words = ["--tier", "noisy", "--absolute", *baselines, *heads]
            code = rabbench(ROOT, "check", *words)
    return code


if __name__ == "__main__":
    sys.exit(main())
