"""LaTeX tables: every sign escaped, every row as wide as its columns, marks where tests hold."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from rabbench.quality.rankings import row_estimate
from rabbench.quality.significance import compare_systems
from rabbench.report.build import build_page
from rabbench.report.page import Cell, Table
from rabbench.report.provenance import source_text
from rabbench.report.render import latex
from rabbench.types import Measurement, Results
from tests.report import synthetic

ENVIRONMENTS = re.compile(r"\\(begin|end)\{(\w+)\}")


def tables(text: str) -> list[tuple[str, list[list[str]]]]:
    """Each tabular's column letters and its rows of cells; refuses what LaTeX would."""
    environments: list[str] = []
    for kind, name in ENVIRONMENTS.findall(text):
        if kind == "begin":
            environments.append(name)
        else:
            assert environments.pop() == name
    assert environments == []
    bare = re.sub(r"\\[\\{}]", "", "\n".join(x for x in text.splitlines() if x[:1] != "%"))
    depth = 0
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert not re.search(r"(?<!\\)[#_^~]", bare.replace("\u00a0", ""))
    tabulars = []
    for aligned, body in re.findall(
        r"\\begin\{tabular\}\{(\w+)\}\n(.*?)\\end\{tabular\}", text, flags=re.DOTALL
    ):
        lines = [line for line in body.splitlines() if line.endswith(r" \\")]
        rows = [re.split(r"(?<!\\) & ", line.removesuffix(r" \\")) for line in lines]
        assert all(len(row) == len(aligned) for row in rows)
        rules = [line for line in body.splitlines() if not line.endswith(r" \\")]
        assert set(rules) <= {r"\toprule", r"\midrule", r"\bottomrule", r"\addlinespace"}
        assert (rules[0], rules[1], rules[-1]) == (r"\toprule", r"\midrule", r"\bottomrule")
        tabulars.append((aligned, rows))
    return tabulars


def rendered(results: Results) -> str:
    return latex.render_latex(build_page(results, draw=False), source=source_text(results))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 50 % #1 $x$ {y}", r"a\_b \& 50 \% \#1 \$x\$ \{y\}"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("bm25>>teacher", r"bm25\textgreater{}\textgreater{}teacher"),
        ("69.1 kFLOP/token²", r"69.1 kFLOP/token\textsuperscript{2}"),
        ("3.40×, 5 µs, 1–2", r"3.40\texttimes{}, 5 \textmu{}s, 1--2"),
        ("the student’s “a”", "the student's ``a''"),
        ("two\nlines", "two lines"),
        ("Zürich 语", "Zürich 语"),
    ],
)
def test_text_is_escaped(text: str, expected: str) -> None:
    assert latex.escape(text) == expected


def test_the_tables_of_a_demonstration_are_whole(demo: Results) -> None:
    text = rendered(demo)
    assert len(tables(text)) >= 6
    assert text.count(r"\begin{table}") == text.count(r"\caption{") == text.count(r"\label{tab:")
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(set(labels)) == len(labels)
    assert text.startswith("% rabbench demo, release 0.1.0, commit d78d442, machine 0123456789ab")
    assert "%" not in "".join(re.sub(r"^%.*|\\%", "", line) for line in text.splitlines())
    assert r"quadratic (69.1 kFLOP/token\textsuperscript{2}" in text


def _quality(**scores: np.ndarray) -> Results:
    rows = [
        Measurement(
            system=name, phase="quality", measure="ndcg@10", value=float(values.mean()), unit="1",
            better="higher", params={"dataset": "a_set"},
            samples={f"q{i}": float(value) for i, value in enumerate(values)},
        )
        for name, values in scores.items()
    ]  # fmt: skip
    return Results(command="quality", config={}, environment={}, rows=rows)


def test_means_have_intervals_the_best_is_bold_and_marks_are_those_of_the_tests() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.6, size=80)
    results = _quality(low=base, same=base + 0.001 * rng.normal(size=80), high=base + 0.2)
    ((aligned, rows),) = tables(rendered(results))
    assert aligned == "lrrl"
    assert rows[0] == ["system", "ndcg@10", "queries", "queries with ties"]
    cells = {row[0].split("} ")[1]: row[1] for row in rows[1:]}
    letters = {row[0].split("} ")[1]: row[0].split("{")[1][0] for row in rows[1:]}
    assert next(iter(cells)) == "high"
    mean = base.mean() + 0.2
    assert cells["high"].startswith(rf"\textbf{{{mean:.3f}}}")
    assert not any(cells[name].startswith(r"\textbf") for name in ("low", "same"))
    worse = rf"\textsuperscript{{{','.join(sorted((letters['low'], letters['same'])))}}}"
    assert worse in cells["high"]
    assert r"\textsuperscript" not in cells["low"] + cells["same"]
    estimate = row_estimate(results.rows[0])
    assert estimate is not None
    assert cells["low"].endswith(rf"[{estimate.low:.3f}--{estimate.high:.3f}]}}")
    pairs = compare_systems(
        {row.system: row.samples for row in results.rows if isinstance(row.samples, dict)}
    )
    assert {(p.first, p.second) for p in pairs if p.significant} == {
        ("high", "low"), ("high", "same"),
    }  # fmt: skip


def test_a_system_that_failed_says_so() -> None:
    results = synthetic.results("quality", synthetic.quality_rows())
    rows = [
        row.with_changes(value=None, status="oom", samples=())
        if (row.system, row.measure) == ("dense", "mrr@10")
        else row
        for row in results.rows
    ]
    ((_, lines),) = tables(rendered(replace(results, rows=rows)))
    (dense,) = [line for line in lines if line[0].endswith("dense")]
    assert dense[lines[0].index("mrr@10")] == "not measured (oom)"


def test_a_page_s_table_keeps_its_alignment_groups_and_lines() -> None:
    table = Table(
        "some_id", "50 % of it", ("system", "value"),
        [
            ("a", Cell(value=2.0, role="exact", below=[Cell(value=3.0, role="amount", unit="s")])),
            ("a", 1),
            ("b", Cell(value=2, role="count", note="& 3")),
        ], grouped=True,
    )  # fmt: skip
    text = latex.render_table(table)
    ((aligned, rows),) = tables(text)
    assert aligned == "lr"
    assert rows[1:] == [["a", "2 (3.00 s)"], ["", "1"], ["b", r"2 \& 3"]]
    assert r"\label{tab:some-id}" in text
    assert r"\caption{50 \% of it}" in text
    assert text.index(r"\addlinespace") < text.index(r"b & 2")
    assert text.count(r"\addlinespace") == 1


def test_an_ablation_is_one_table() -> None:
    rows = [
        Measurement(
            system="rabtriever",
            phase="ablation",
            measure="mrr",
            value=0.5 + seed / 100 - (0.2 if variant == "no-mse" else 0.0),
            unit="1",
            better="higher",
            params={"variant": variant, "seed": seed},
        )
        for variant in ("full", "no-mse")
        for seed in (0, 1, 2)
    ]
    text = rendered(Results(command="train", config={}, environment={}, rows=rows))
    ((_, (heading, full, without)),) = tables(text)
    assert heading == ["variant", "mrr", "mrr, less full", "seeds", "what it changes"]
    assert full == ["full", r"0.510 {\footnotesize [0.485--0.535]}", "--", "3", "nothing"]
    assert without[1] == r"0.310 {\footnotesize [0.285--0.335]}"
    assert without[2].startswith("-0.200")
    assert without[3:] == ["3", "no JEPA energy"]
