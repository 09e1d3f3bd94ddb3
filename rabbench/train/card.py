"""A checkpoint's card, ``rabbench.json``, and the model card that says the same to a reader.

Knows the two files' content; knows no weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rabbench.models import checkpoint
from rabbench.models.catalog import CAUSAL
from rabbench.results import write_file
from rabbench.types import Results

SYSTEMS = {
    "teacher": ("teacher", "teacher-cached"),
    "student": ("rabtriever", "teacher", "teacher-cached"),
    "biencoder": ("llm-biencoder",),
}
"""The systems whose scores belong into each kind's card; the first is what the kind is for."""

SCORE = ("system", "dataset", "metric", "value", "n_queries", "depth")
"""The fields of a score; a later one of the same but for the value takes its place."""


def write(folder: Path, card: Mapping[str, Any]) -> None:
    """Write ``README.md`` and, last, ``rabbench.json``."""
    write_file(folder / "README.md", render_model_card(card))
    write_file(folder / checkpoint.CARD, json.dumps(card, indent=1) + "\n")


def add_scores(folder: Path, results: Results) -> None:
    """Put the scores of ``rabbench quality`` with this checkpoint into its card, for older ones."""
    card = json.loads((folder / checkpoint.CARD).read_text(encoding="utf-8"))
    scores = {_score_key(score): score for score in card.get("scores", [])}
    for row in results.rows:
        if row.phase == "quality" and row.system in SYSTEMS[card["kind"]] and row.status == "ok":
            identity = {"system": row.system, "metric": row.measure, "value": row.value}
            score = {name: {**row.params, **identity}.get(name) for name in SCORE}
            scores.pop(_score_key(score), None)
            scores[_score_key(score)] = score
    write(folder, {**card, "scores": list(scores.values())})


def _score_key(score: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(score[name] for name in SCORE if name != "value")


def render_model_card(card: Mapping[str, Any]) -> str:
    """README.md of a checkpoint: base, data, settings and figures of ``rabbench.json``."""
    data, base = card["data"], card["base"]
    settings = (f"| {name} | {_cell(value)} |" for name, value in sorted(card["training"].items()))
    figures = (f"| {name} | {value:.4g} |" for name, value in card["final"].items())
    return "\n".join(
        [
            "---",
            f"base_model: {base}",
            f"license: {CAUSAL[base].licence.lower() if base in CAUSAL else 'other'}",
            "library_name: rabbench",
            "---",
            f"# A {card['kind']} trained with rabbench",
            "",
            f"Read by the system `{SYSTEMS[card['kind']][0]}`: `rabbench quality --suite "
            f"{data['suite']} --model FOLDER`, this folder in FOLDER's place.",
            "",
            f"- Base model: `{base}`",
            f"- Data: {data['suite']}, `{data['dataset']}`, {data['n_queries']:,} queries; "
            f"licence {data['licence']}; source: {data['source']}; SHA-256 {data['fingerprint']}",
            "- Weights are stored as float16.",
            "",
            "| setting | value |",
            "|---|---|",
            *settings,
            "",
            "Last logged figures, on training and held-out queries (not test queries):",
            "",
            "| figure | value |",
            "|---|---|",
            *figures,
            "",
            *_score_table(card.get("scores", [])),
        ]
    )


def _score_table(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """The means over test queries, if any were evaluated."""
    if not scores:
        return []
    return [
        "On test queries, by `rabbench quality`:",
        "",
        "| system | data set | metric | mean | queries |",
        "|---|---|---|---|---|",
        *(
            f"| {score['system']} | {score['dataset']} | {score['metric']} | {score['value']:.4f} "
            f"| {score['n_queries']} |"
            for score in scores
        ),
        "",
    ]


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return str(value)
