"""The options of a configuration and of its parts, as their fields declare them.

A field is an option (``option``), a part that is a configuration of its own (``part``), or
neither: then Python alone sets it. A configuration's ``ORDER`` names the paths that come first (a
part's for all of its options), its ``GROUP`` heads its options in the help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")

REQUIRED: Any = MISSING
"""The default of an option that must be given."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """How a configuration's field is typed on the command line and named in a report.

    ``help`` may hold ``{default}``. ``flag`` follows from the field's name where it is empty,
    ``parse`` (a word to a value), ``metavar`` and ``choices`` from its type; choices that are a
    mapping stand for its values. ``write`` is the inverse of ``parse`` where ``str`` is not.
    ``typed_default`` is the command line's default where it is not the field's, ``group`` a title
    in the help. A report names every option in the command that it repeats, one that is
    ``only_changed`` only where it is not the default.
    """

    help: str = ""
    flag: str = ""
    parse: Callable[[str], Any] | None = None
    write: Callable[[Any], object] | None = None
    metavar: str | None = None
    choices: Sequence[str] | Mapping[str, Any] | None = None
    nargs: str | None = None
    repeatable: bool = False
    typed_default: Any = None
    only_changed: bool = False
    group: str = ""


def option(default: Any, help: str = "", **settings: Any) -> Any:
    """A dataclass field with its one declaration as an option; a class makes its own default."""
    declared = {"option": Option(help=help, **settings)}
    if isinstance(default, type):
        return field(default_factory=default, metadata=declared)
    return field(default=default, metadata=declared)


@dataclass(frozen=True, kw_only=True)
class ConfigPart:
    """A field that holds another configuration.

    ``offered`` are the paths of its options on the command line, in order (none named: all),
    ``follows`` those that take the value of another option of the same flag. A ``partial`` one is
    a mapping that holds only what was typed. ``redeclared`` options differ from the part's own.
    """

    config: type[DataclassInstance]
    offered: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    partial: bool = False
    redeclared: Mapping[str, Field[Any]] = field(default_factory=dict)


def part(
    config: DataclassInstance | type[DataclassInstance],
    *offered: str,
    follows: tuple[str, ...] = (),
    partial: bool = False,
    **redeclared: Any,
) -> Any:
    """A dataclass field that is a :class:`ConfigPart`; an instance as ``config`` is its default."""
    declared = ConfigPart(
        config=config if isinstance(config, type) else type(config),
        offered=offered,
        follows=follows,
        partial=partial,
        redeclared=redeclared,
    )
    if partial:
        return field(default_factory=dict, metadata={"part": declared})
    default: Any = MISSING if isinstance(config, type) else config
    return field(default=default, metadata={"part": declared})


@dataclass(frozen=True, kw_only=True)
class DeclaredOption:
    """An option where it stands in a configuration: ``path`` is ``options.depth`` or ``suite``.

    ``type`` is the field's without None. ``default`` is that of this configuration,
    ``REQUIRED`` where there is none. In a ``partial`` one nothing has to be typed. One that
    ``follows`` takes the value of the option with the same flag. ``group`` is a title and a
    description, or empty.
    """

    path: str
    option: Option
    type: Any
    default: Any
    group: tuple[str, ...] = ()
    partial: bool = False
    follows: bool = False

    @property
    def flag(self) -> str:
        """``--max-doc-tokens``; ``--no-latent`` where the default is True."""
        name = self.path.rpartition(".")[2].replace("_", "-")
        return self.option.flag or f"--{'no-' if self.default is True else ''}{name}"

    @property
    def argument(self) -> str:
        """The name of its parsed argument: ``max_doc_tokens``."""
        return self.flag.removeprefix("--").replace("-", "_")


def declared_options(
    config: DataclassInstance | type[DataclassInstance], *, partial: bool = False
) -> list[DeclaredOption]:
    """Every option of a configuration, in the order of its command's help and of a report.

    Of an instance, its values are the defaults. In a ``partial`` one nothing has to be typed.
    """
    owner = config if isinstance(config, type) else type(config)
    types, options = get_type_hints(owner), list[DeclaredOption]()
    for item in fields(config):
        default = _default(item) if config is owner else getattr(config, item.name)
        if "part" in item.metadata:
            options += _part_options(item.name, item.metadata["part"], default)
        elif "option" in item.metadata:
            option: Option = item.metadata["option"]
            declared = DeclaredOption(
                path=item.name,
                option=option,
                type=_without_none(types[item.name]),
                default=default,
                group=(option.group,) if option.group else getattr(owner, "GROUP", ()),
                partial=partial,
            )
            options.append(declared)
    order: tuple[str, ...] = getattr(owner, "ORDER", ())

    def place(option: DeclaredOption) -> int:
        starts = [f"{option.path}.".startswith(f"{path}.") for path in order]
        return starts.index(True) if True in starts else len(order)

    return sorted(options, key=place)


def _part_options(name: str, part: ConfigPart, default: Any) -> Iterator[DeclaredOption]:
    config = part.config if part.partial or default is MISSING else default
    options = {option.path: option for option in declared_options(config, partial=part.partial)}
    for path in (*(part.offered or options), *part.follows):
        option = options[path]
        if path in part.redeclared:
            item = part.redeclared[path]
            option = replace(option, option=item.metadata["option"], default=item.default)
        follows = option.follows or path in part.follows
        yield replace(option, path=f"{name}.{path}", follows=follows)


def _without_none(annotation: Any) -> Any:
    """``int`` of ``int | None``."""
    return get_args(annotation)[0] if NoneType in get_args(annotation) else annotation


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def build_config(config: Config | type[Config], values: Mapping[str, Any]) -> Config:
    """A configuration from its options' values by path; None is left out of a partial part."""
    arguments = {item.name: values[item.name] for item in fields(config) if item.name in values}
    for item in fields(config):
        part: ConfigPart | None = item.metadata.get("part")
        if part is None:
            continue
        start = f"{item.name}."
        inner = {p.removeprefix(start): value for p, value in values.items() if p.startswith(start)}
        if part.partial:
            arguments[item.name] = {name: v for name, v in inner.items() if v is not None}
        else:
            default = part.config if item.default is MISSING else item.default
            arguments[item.name] = build_config(default, inner)
    return config(**arguments) if isinstance(config, type) else replace(config, **arguments)
