"""Declared options as arguments of a parser: type, metavar and choices from the field's type.

Knows no option by name.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from rabbench.config import value_types
from rabbench.config.declaration import REQUIRED, DeclaredOption, declared_options

PARSERS: Mapping[Any, tuple[Any, str | None]] = {
    int: (value_types.count, "N"),
    float: (float, "X"),
    tuple[str, ...]: (value_types.names, "A,B"),
    Path: (Path, None),
    tuple[Path, ...]: (Path, None),
}
"""Parser and metavar of a field's type."""


def add_options(parser: argparse.ArgumentParser, config: Any, *, partial: bool = False) -> None:
    """Add every option of a configuration; of a ``partial`` one none is required."""
    groups: dict[tuple[str, ...], Any] = {(): parser}
    for declared in declared_options(config, partial=partial):
        if declared.follows:
            continue
        if declared.group not in groups:
            groups[declared.group] = parser.add_argument_group(*declared.group)
        groups[declared.group].add_argument(declared.flag, **_keywords(declared))


def _keywords(declared: DeclaredOption) -> dict[str, Any]:
    """The arguments of ``add_argument`` that follow from a declaration and its field's type."""
    option, default = declared.option, declared.default
    keywords: dict[str, Any] = {"help": _help(option.help, default) or None}
    if isinstance(default, bool):
        return {**keywords, "action": "store_const", "const": not default, "default": default}
    parse, metavar = PARSERS.get(declared.type, (None, None))
    if option.choices or get_origin(declared.type) is Literal:
        keywords["choices"] = option.choices or get_args(declared.type)
    elif option.parse:
        keywords |= {"type": option.parse, "metavar": option.metavar}
    else:
        keywords |= {"type": parse, "metavar": option.metavar or metavar}
    if option.nargs:
        return {**keywords, "nargs": option.nargs}
    if option.repeatable:
        keywords["action"] = "append"
    if default is REQUIRED and not declared.partial:
        return {**keywords, "required": True}
    typed_default = default if option.typed_default is None else option.typed_default
    return {**keywords, "default": None if declared.partial else typed_default}


def _help(text: str, default: Any) -> str:
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return text.format(default=f"{default:g}" if isinstance(default, float) else default)
