"""Declarations of options: parts, what differs in them, order, and a configuration from values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pytest

from rabbench.config.declaration import REQUIRED, build_config, declared_options, option, part


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A part with a heading."""

    GROUP: ClassVar = ("engine", "what drives it")
    power: int = option(50)
    fuel: str = option("petrol", "default {default}")
    seed: int = option(0)
    serial: str = "none"


@dataclass(frozen=True, kw_only=True)
class Car:
    """A configuration with an order, a part and a partial part."""

    ORDER: ClassVar = ("engine.fuel", "doors")
    seed: int = option(7)
    doors: int = option(REQUIRED, group="body")
    engine: Engine = part(
        Engine(power=60, serial="A1"),
        *("power", "fuel"),
        follows=("seed",),
        fuel=option(REQUIRED, flag="--gas"),
    )
    extras: Mapping[str, int] = part(Engine, "power", partial=True)


def test_options_stand_in_order_with_the_defaults_of_their_place() -> None:
    options = {declared.path: declared for declared in declared_options(Car)}
    assert list(options) == [
        "engine.fuel", "doors", "seed", "engine.power", "engine.seed", "extras.power",
    ]  # fmt: skip
    assert options["engine.power"].default == 60
    assert options["extras.power"].partial
    assert options["doors"].default is REQUIRED
    assert (options["engine.fuel"].argument, options["engine.fuel"].default) == ("gas", REQUIRED)
    assert [path for path, declared in options.items() if declared.follows] == ["engine.seed"]
    assert (options["doors"].group, options["seed"].group) == (("body",), ())
    assert options["engine.power"].group == ("engine", "what drives it")


def test_a_configuration_is_built_from_values_by_path() -> None:
    values = {"doors": 3, "engine.fuel": "diesel", "engine.seed": 9, "extras.power": None}
    assert build_config(Car, values) == Car(
        doors=3, engine=Engine(power=60, serial="A1", fuel="diesel", seed=9), extras={}
    )
    assert build_config(Car, {**values, "extras.power": 5, "seed": 1}).extras == {"power": 5}


def test_a_required_value_that_is_missing_is_an_error_as_in_python() -> None:
    with pytest.raises(TypeError, match="doors"):
        build_config(Car, {})
