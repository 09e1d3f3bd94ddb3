"""The whole sweep on a GPU in one command: the 7B shape in bfloat16, documents to 32,768 tokens.

    python benchmarks/cuda_sweep.py [--model qwen2-7b] [--max-doc-len 32768] [--out reports]

Random weights of the published shape (cost does not depend on weights), all systems but the dense
one, FLOPs, index size, memory and latency. The report lands in a folder named after the device.
Exits 3 where torch sees no CUDA device.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import torch

from rabbench import cli

SYSTEMS = "bm25,teacher,teacher-cached,rabtriever,rabtriever-chunked"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qwen2-7b")
    parser.add_argument("--max-doc-len", default="32768")
    parser.add_argument("--out", type=Path, default=Path("reports"))
    parser.add_argument("--resume", action="store_true", help="continue an interrupted sweep")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("torch sees no CUDA device; this sweep needs one", file=sys.stderr)
        return 3
    name = re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name().lower()).strip("-")
    command = [
        "scaling", "--model", arguments.model, "--max-doc-len", arguments.max_doc_len,
        "--device", "cuda", "--dtype", "bfloat16", "--attention", "sdpa", "--systems", SYSTEMS,
        "--rounds", "5", "--out", str(arguments.out / f"scaling-{arguments.model}-{name}"),
    ]  # fmt: skip
    return cli.main([*command, "--resume"] if arguments.resume else command)


if __name__ == "__main__":
    sys.exit(main())
