"""The command line that gives a configuration again, from the options that it declares.

Reads a configuration as a results file holds it; knows no report.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rabbench.config import CONFIGS
from rabbench.config.declaration import DeclaredOption, declared_options


def render_command(command: str, config: Mapping[str, Any]) -> str:
    """The command that gives these results again, quoted for a shell.

    Every option is named, so that a later release with other defaults runs the same; of an unknown
    command the name alone.
    """
    name = f"{command} {config['kind']}" if "kind" in config else command
    if command == "demo":  # a sweep and an evaluation with the same options
        config = config.get("quality") or {}
    options = declared_options(CONFIGS[name]) if name in CONFIGS else []
    words = [word for option in options for word in _option_words(option, config)]
    return shlex.join(["rabbench", *name.split(), *words])


def _option_words(option: DeclaredOption, config: Mapping[str, Any]) -> list[str]:
    """The option with its value as a configuration of a results file holds it."""
    value: Any = config
    for key in option.path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    declared = option.option
    unchanged = value == option.default
    if option.follows or value is None or value in ((), []):
        return []
    if unchanged and (declared.only_changed or isinstance(value, bool)):
        return []
    if isinstance(value, bool):
        return [option.flag]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [option.flag, ",".join(map(str, value))]
    return [option.flag, str(declared.write(value) if declared.write else value)]
