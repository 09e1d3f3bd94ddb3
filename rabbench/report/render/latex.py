r"""Tables of a report as LaTeX for papers: booktabs, escaped, nothing else.

Knows pages' tables and quality rows; draws no figures and reads no files. Needs ``\usepackage``
of ``booktabs`` and, since names are not only ASCII, an engine that reads UTF-8 (any of today).

In a table of means the best value of a column is bold, and a letter behind a value names a system
that is significantly worse (paired permutation test, Holm's correction over all pairs).
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rabbench.quality.significance import SystemPair, compare_systems
from rabbench.report import ablation
from rabbench.report.cost import factors, ledger
from rabbench.report.cost import tables as cost_tables
from rabbench.report.labels import CHUNKED, STUDENT, TEACHER, Labels, is_cost
from rabbench.report.page import Cell, Table
from rabbench.report.quality import tables as quality_tables
from rabbench.report.quality.tables import Entry
from rabbench.report.render.cells import interval_text, lines
from rabbench.scaling.fits import fit_sweeps
from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement, Results

COMMANDS: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "²": r"\textsuperscript{2}",
    "µ": r"\textmu{}",
    "·": r"\textperiodcentered{}",
    "×": r"\texttimes{}",
    "±": r"\textpm{}",
    "–": "--",
    "—": "---",
    "−": r"\textminus{}",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
    "\u00a0": "~",
    "\u202f": r"\,",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "→": r"$\rightarrow$",
    "λ": r"$\lambda$",
    "τ": r"$\tau$",
    "Σ": r"$\Sigma$",
}
"""What a sign is in LaTeX's text; ``textcomp`` is part of its kernel since 2020."""

MEANS = (
    "Mean over {queries} queries with 95 % bootstrap interval; the best of a column is bold, and a "
    "letter names a system that is significantly worse (paired permutation test, Holm’s "
    "correction)."
)


def escape(text: str) -> str:
    """Text that LaTeX prints as it is, on one line."""
    return "".join(COMMANDS.get(sign, sign) for sign in " ".join(text.split()))


def render_latex(results: Results) -> str:
    """The tables that a paper shows: quality, ablation, ledger, teacher over student."""
    costs = [row for row in results.rows if is_cost(row)]
    labels = Labels(costs)
    found = [_means(*one) for one in quality_tables.datasets(results.rows).items()]
    tried = list(filter(ablation.tried, results.rows))
    found += [render_table(ablation.table(tried))] if tried else []
    grown = ledger.orders(fit_sweeps(costs), labels)
    if grown is not None:
        found.append(render_table(grown))
    ratios = [
        one
        for under in (STUDENT, CHUNKED)
        for one in factors.ratios(costs, over=TEACHER, under=under)
        if one.key.get("pairs", "dense") == "dense"
    ]
    by_length = cost_tables.per_length(costs, ratios, labels)
    found += [
        render_table(table)
        for tables in by_length.values()
        for table in tables
        if table.id.partition("-")[2].startswith(("score", "factor"))
        and not table.id.endswith("causal")
    ]
    return "\n".join([_head(results), *found])


def _head(results: Results) -> str:
    """Where the tables come from, and what they need, as comments."""
    environment = results.environment
    versions = environment.get("versions")
    release = versions.get("rabbench") if isinstance(versions, Mapping) else None
    lines = [
        f"rabbench {results.command}, release {release}, commit {environment.get('commit')}, "
        f"machine {environment.get('machine')}, {environment.get('date')}",
        r"needs \usepackage{booktabs}; wide tables: \usepackage{graphicx} and \resizebox",
    ]
    return "".join(f"% {' '.join(line.split())}\n" for line in lines)


def render_table(table: Table) -> str:
    """A page's table; a heading of a group stands once, and a cell's lines one after another."""
    headings = [row[0].value for row in table.cells]
    starts = [i == 0 or headings[i] != headings[i - 1] for i in range(len(headings))]
    rows = [
        ("" if table.grouped and not start else _cell(row[0]), *map(_cell, row[1:]))
        for row, start in zip(table.cells, starts, strict=True)
    ]
    ruled = [i for i, start in enumerate(starts) if table.grouped and start and i]
    columns = [escape(heading.name) for heading in table.headings]
    aligned = "".join("r" if i in table.numbers else "l" for i in range(len(columns)))
    return _tabular(table.id, escape(table.caption), columns, rows, aligned, frozenset(ruled))


def _cell(cell: Cell) -> str:
    """“quadratic (69.1 kFLOP/token²)”: the best in bold, further lines in brackets."""
    first, *rest = lines(replace(cell, low=None, high=None))
    text = rf"\textbf{{{escape(first)}}}" if cell.best else escape(first)
    letters = rf"\textsuperscript{{{','.join(cell.letters)}}}" if cell.letters else ""
    interval = interval_text(cell)
    bounds = rf" {{\footnotesize [{escape(interval)}]}}" if interval else ""
    below = f" ({escape('; '.join(rest))})" if rest else ""
    return text + letters + bounds + below


def _tabular(
    id_: str,
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    aligned: str,
    ruled: frozenset[int] = frozenset(),
) -> str:
    """A table float of finished cells; ``ruled`` are the rows that a space stands before."""
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]+', '-', id_)}}}",
        rf"\begin{{tabular}}{{{aligned}}}",
        r"\toprule",
        f"{' & '.join(columns)} \\\\",
        r"\midrule",
    ]
    for i, row in enumerate(rows):
        lines += [r"\addlinespace"] if i in ruled else []
        lines.append(f"{' & '.join(row)} \\\\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _means(dataset: str, rows: Sequence[Measurement]) -> str:
    """A data set's systems by its metrics, best first, with what is significantly worse."""
    metrics = list(dict.fromkeys(row.measure for row in rows))
    ranked = {metric: quality_tables.entries(rows, metric) for metric in metrics}
    systems = dict.fromkeys(entry.label for metric in metrics for entry in ranked[metric])
    letters = {label: _letter(i) for i, label in enumerate(systems)}
    columns = {metric: _column(ranked[metric], letters) for metric in metrics}
    lines = [
        (rf"\textsuperscript{{{letters[label]}}} {escape(label)}",
         *(columns[metric].get(label, "--") for metric in metrics))
        for label in systems
    ]  # fmt: skip
    queries = f"{max((len(row.samples) for row in rows), default=0):,}"
    caption = escape(f"{dataset}. {MEANS.format(queries=queries)}")
    headings = ["system", *map(escape, metrics)]
    aligned = "l" * len(headings)
    return _tabular(f"quality-{dataset}", caption, headings, lines, aligned)


def _letter(number: int) -> str:
    """A name for a system: a, b, … z, aa, ab, …."""
    more, place = divmod(number, len(string.ascii_lowercase))
    return (_letter(more - 1) if more else "") + string.ascii_lowercase[place]


def _column(ranked: Sequence[Entry], letters: Mapping[str, str]) -> dict[str, str]:
    """One metric's cells by system: mean, interval, letters of what is significantly worse."""
    pairs = compare_systems({one.label: one.scores for one in ranked if one.scores})
    best = max((round(one.row.value or 0.0, 3) for one in ranked), default=0.0)
    cells = {}
    for one in ranked:
        known = quality_tables.estimate(one.row)
        worse = sorted(letters[name] for name in _worse_than(one.label, pairs))
        marks = rf"\textsuperscript{{{','.join(worse)}}}" if worse else ""
        value = f"{one.row.value or 0.0:.3f}"
        bold = rf"\textbf{{{value}}}" if float(value) == best and len(ranked) > 1 else value
        cells[one.label] = f"{bold}{marks}{_interval(known)}"
    return cells


def _worse_than(label: str, pairs: Sequence[SystemPair]) -> list[str]:
    return [one.second for one in pairs if one.significant and one.first == label]


def _interval(known: Estimate | None) -> str:
    if known is None or not known.low > float("-inf"):
        return ""
    return rf" {{\footnotesize [{known.low:.3f}, {known.high:.3f}]}}"
