"""The ranking rule and the row's own checks."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from rabbench.config.declaration import Option, option
from rabbench.config.options import Options
from rabbench.types import Measurement, rank, top_k, unknown_name_error


def test_ties_go_to_the_larger_document_id_as_in_trec_eval() -> None:
    scores = {"a": 1.0, "c": 2.0, "b": 2.0, "d": -1.0}
    assert rank(scores) == [("c", 2.0), ("b", 2.0), ("a", 1.0), ("d", -1.0)]
    assert list(top_k(dict(reversed(scores.items())), 2)) == ["c", "b"]


def test_nan_has_no_rank() -> None:
    with pytest.raises(ValueError, match=r"NaN score for document 'x' \(1 in all\)"):
        rank({"x": math.nan, "y": 1.0})


@pytest.mark.parametrize(
    ("value", "status"), [(None, "ok"), (math.nan, "ok"), (0.0, "oom"), (math.inf, "ok")]
)
def test_a_row_never_claims_what_it_has_not(value: float | None, status: str) -> None:
    with pytest.raises(ValueError, match="a finite value needs 'ok'"):
        Measurement(
            system="s",
            phase="score",
            measure="latency",
            value=value,
            unit="s",
            better="lower",
            status=status,  # type: ignore[arg-type]
        )


def test_an_unknown_name_lists_the_known() -> None:
    error = unknown_name_error("suite", "x", ["b", "a"])
    assert str(error) == "unknown suite 'x'; known: a, b"
    assert error.exit_code == 2


def test_an_option_is_a_field_that_carries_its_declaration() -> None:
    declared = {item.name: item.metadata["option"] for item in fields(Options)}
    assert declared["max_doc_len"].flag == "--max-doc-tokens"
    assert (declared["device"].typed_default, Options().device) == ("auto", "cpu")
    assert option(dict).default_factory is dict
    assert option(3, "help", metavar="N").metadata["option"] == Option(help="help", metavar="N")
