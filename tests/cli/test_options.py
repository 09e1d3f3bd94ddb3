"""Each option is declared once: the command line, a plan and a report's command agree on it."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import hypothesis
import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st

from rabbench.cli.configs import configure, scaling_config
from rabbench.cli.parser import build_parser
from rabbench.config import CONFIGS
from rabbench.config.check import CheckConfig
from rabbench.config.declaration import REQUIRED, DeclaredOption, declared_options
from rabbench.config.echo import render_command
from rabbench.config.options import Options
from rabbench.config.quality import QualityConfig, Sizes
from rabbench.config.scaling import Load, ScalingConfig
from rabbench.types import UsageError

PARSER = build_parser()
OUTPUT = {"--out", "--resume", "--json", "--quiet"}
AHEAD = {"--predict", "--budget"}
PLAN = {"--recalibrate", "--json", "--quiet", "--budget"}
DECLARED: dict[str, tuple[Any, ...]] = {
    **{name: (config,) for name, config in CONFIGS.items()},
    "plan scaling": (ScalingConfig,),
    "plan quality": (QualityConfig, Sizes),
    "check": (CheckConfig,),
    "report": (Load,),
}
"""The configurations whose options a command has."""

OWN: dict[str, set[str]] = {
    "scaling": OUTPUT | AHEAD,
    "quality": OUTPUT | AHEAD,
    "demo": OUTPUT,
    **{name: OUTPUT for name in CONFIGS if name.startswith("train ")},
    "plan scaling": PLAN,
    "plan quality": PLAN,
    "check": {"--json", "--quiet"},
    "report": {"folders", "--out", "--csv", "--json", "--latex"},
    "bundle": {"folder", "--out", "--qrels", "--json"},
    "verify": {"path", "--no-data", "--json"},
    "list": {"kind", "--json"},
    "doctor": {"--json"},
}
"""What belongs to the command line itself: where results go, what is printed."""


def _commands(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, dict[str, argparse.Action]]]:
    actions = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from _commands(inner, f"{name} {word}".strip())
            return
        actions[(action.option_strings or [action.dest])[-1]] = action
    del actions["--help"]
    yield name, actions


COMMANDS = dict(_commands(PARSER))


def _declared(config: Any) -> list[DeclaredOption]:
    return [declared for declared in declared_options(config) if not declared.follows]


def test_every_command_is_held_to_its_options() -> None:
    assert COMMANDS.keys() == OWN.keys()
    assert DECLARED.keys() < OWN.keys()


@pytest.mark.parametrize("name", OWN)
def test_a_flag_is_declared_by_a_field_or_belongs_to_the_command_line(name: str) -> None:
    options = [option for config in DECLARED.get(name, ()) for option in _declared(config)]
    flags = [option.flag for option in options]
    assert len(set(flags)) == len(flags)
    assert not OWN[name] & set(flags)
    assert COMMANDS[name].keys() == OWN[name] | set(flags)


@pytest.mark.parametrize("name", CONFIGS)
def test_defaults_are_those_of_the_fields(name: str) -> None:
    options = _declared(CONFIGS[name])
    assert len(options) > 8
    for declared in options:
        action, default = COMMANDS[name][declared.flag], declared.default
        assert action.required == (default is REQUIRED and not declared.partial), declared.path
        if declared.partial or default is REQUIRED:
            assert action.default is None, declared.path
        else:
            assert action.default == (declared.option.typed_default or default), declared.path
        assert "{" not in (action.help or ""), declared.path


NAMES = st.sampled_from(
    [
        "bm25",
        "bm25>>teacher",
        "run:my runs/a.trec",
        "org/name@1a2b",
        "it's",
        "50%",
        "ndcg@10",
        "a+b",
    ]
)

SPECIAL = {
    "--device": st.sampled_from(["auto", "cpu"]),  # a test may run where there is no GPU
    "--training-hours": st.integers(0, 4000).map(lambda quarters: str(quarters / 4)),
    "--seed": st.integers(-5, 5).map(str),
}


def _words(declared: DeclaredOption) -> st.SearchStrategy[list[str]]:
    """What can be typed for an option: its flag with a word."""
    flag, kind = declared.flag, declared.type
    if isinstance(declared.default, bool):
        return st.just([flag])
    choices = declared.option.choices or (get_args(kind) if get_origin(kind) is Literal else ())
    if flag in SPECIAL:
        word = SPECIAL[flag]
    elif choices:
        word = st.sampled_from(list(choices))
    elif kind is int:
        word = st.integers(1, 1 << 40).map(str)
    elif kind is float:
        word = st.floats(0, 1e9).map(repr)
    elif kind == tuple[str, ...]:
        word = st.lists(NAMES, min_size=1, max_size=3).map(",".join)
    else:
        assert kind is str, declared.path
        word = NAMES
    return word.map(lambda text: [flag, text])


@st.composite
def typed(draw: st.DrawFn, name: str) -> list[str]:
    """A command with the required options and some of the others."""
    argv = name.split()
    for declared in _declared(CONFIGS[name]):
        required = declared.default is REQUIRED and not declared.partial
        if required or draw(st.booleans()):
            argv += draw(_words(declared))
    return argv


def _config(name: str, argv: list[str]) -> Any:
    arguments = PARSER.parse_args(argv)
    return scaling_config(arguments) if name == "scaling" else configure(CONFIGS[name], arguments)


def _recorded(name: str, config: Any) -> Any:
    """The configuration as a results file holds it."""
    parts = name.split()
    kind = {"kind": parts[1]} if len(parts) > 1 else {}
    recorded = {**kind, **asdict(config)}
    return json.loads(json.dumps({"quality": recorded} if name == "demo" else recorded))


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=25, deadline=None)
@hypothesis.given(data=st.data())
def test_the_command_of_a_report_gives_the_configuration_again(
    name: str, data: st.DataObject
) -> None:
    argv = data.draw(typed(name))
    try:
        config = _config(name, argv)
    except UsageError:  # a load that nobody can have
        assume("--breakeven-docs" not in argv and "--breakeven-candidates" not in argv)
        raise
    line = render_command(name.split()[0], _recorded(name, config))
    program, *words = shlex.split(line)
    assert program == "rabbench"
    assert _config(name, words) == config


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=2, deadline=None)
@hypothesis.given(data=st.data())
def test_every_declared_option_that_is_not_its_default_stands_in_the_command(
    name: str, data: st.DataObject
) -> None:
    required = [
        word
        for declared in _declared(CONFIGS[name])
        if declared.default is REQUIRED and not declared.partial
        for word in data.draw(_words(declared))
    ]
    optional = [declared for declared in _declared(CONFIGS[name]) if declared.flag not in required]
    assert len(optional) > 3
    for declared in optional:
        flag = declared.flag
        words = data.draw(_words(declared))
        argv = [*name.split(), *required, *words]
        if flag == "--breakeven-candidates":
            argv += ["--breakeven-docs", str(1 << 41)]
        config = _config(name, argv)
        line = shlex.split(render_command(name.split()[0], _recorded(name, config)))
        unchanged = config == _config(name, [*name.split(), *required])
        assert flag in line or (unchanged and declared.option.only_changed), flag


@pytest.mark.parametrize("kind", ["student", "ablation"])
def test_the_options_of_a_system_follow_the_flags_of_a_training(kind: str) -> None:
    words = "--suite demo --teacher t --seed 3 --depth 7 --first-stage dense --batch 5 --keep 2"
    config = _config(f"train {kind}", ["train", kind, *words.split()])
    student, options = (config.student if kind == "ablation" else config), config.options
    assert (student.depth, student.first_stage, student.schedule.seed) == (7, "dense", 3)
    assert (options.depth, options.first_stage, options.seed) == (7, "dense", 3)
    assert (student.schedule.batch, options.batch) == (5, Options().batch)
    assert (student.schedule.epochs, student.schedule.learning_rate) == (5, 1e-4)
    assert options.model == "t"


def test_a_tier_is_one_or_all_and_a_policy_only_what_was_typed() -> None:
    config = _check("--baseline", "a", "--baseline", "b", "run", "--tier", "noisy")
    assert (config.tiers, config.policy) == (("noisy",), {})
    assert (config.baseline, config.folders) == ((Path("a"), Path("b")), (Path("run"),))
    config = _check("--baseline", "a", "run", "--floor", "0.3", "--tolerance", "mrr=0.1,map=1")
    assert config.tiers == ("exact", "noisy")
    assert config.policy == {"floor": 0.3, "tolerance": {"mrr": 0.1, "map": 1.0}}


def _check(*words: str) -> CheckConfig:
    return configure(CheckConfig, PARSER.parse_args(["check", *words]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--max-doc-len 0", "0 is not a positive number"),
        ("--max-doc-len 9 --systems ,", "give at least one name"),
        ("--max-doc-len 9 --memory-limit 4parsecs", "'4parsecs' is no size; write it as 512MiB"),
        ("--max-doc-len 9 --dtype int8", "invalid choice: 'int8'"),
        ("--max-doc-len 9 --timeout soon", "invalid float value: 'soon'"),
    ],
)
def test_a_word_that_is_no_value_is_refused(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        PARSER.parse_args(["scaling", *words.split()])
    assert message in capsys.readouterr().err
