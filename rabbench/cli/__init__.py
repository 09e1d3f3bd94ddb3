"""The command line: options, progress, exit codes; the only place that prints."""

from __future__ import annotations

from rabbench.cli.main import main

__all__ = ["main"]
