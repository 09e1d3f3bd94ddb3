r"""Tables of a report as LaTeX for papers: booktabs, escaped, nothing else.

Knows a page's tables; draws no figures and reads no files. Needs ``\usepackage``
of ``booktabs`` and, since names are not only ASCII, an engine that reads UTF-8 (any of today).
"""

from __future__ import annotations

import re
from dataclasses import replace

from rabbench.report.page import Cell, Page, Table
from rabbench.report.render import interval_text, lines

COMMANDS = str.maketrans({
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "’": "'", "“": "``", "”": "''", "–": "--", "—": "---", "…": r"\ldots{}",
    "\u00a0": "~", "\u202f": r"\,", "·": r"\textperiodcentered{}", "µ": r"\textmu{}",
    "²": r"\textsuperscript{2}", "×": r"\texttimes{}", "±": r"\textpm{}", "−": r"\textminus{}",
    "≥": r"$\geq$", "≤": r"$\leq$", "→": r"$\rightarrow$",
    "λ": r"$\lambda$", "τ": r"$\tau$", "Σ": r"$\Sigma$",
})  # fmt: skip
"""What a sign is in LaTeX's text; ``textcomp`` is part of its kernel since 2020."""


def escape(text: str) -> str:
    """Text that LaTeX prints as it is, on one line."""
    return " ".join(text.split()).translate(COMMANDS)


def render_latex(page: Page, *, source: str) -> str:
    """The tables of a page that a paper shows, under a comment on where they come from."""
    tables = [table for section in page.sections for table in section.tables if table.paper]
    needs = r"needs \usepackage{booktabs}; wide tables: \usepackage{graphicx} and \resizebox"
    comments = "".join(f"% {' '.join(line.split())}\n" for line in (source, needs))
    return "\n".join([comments, *map(render_table, tables)])


def render_table(table: Table) -> str:
    """A page's table as a float; a heading of a group stands once, a space before the next."""
    columns = " & ".join(escape(heading.name) for heading in table.headings)
    aligned = "".join("r" if i in table.numbers else "l" for i in range(len(table.headings)))
    parts = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.caption)}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]+', '-', table.id)}}}",
        rf"\begin{{tabular}}{{{aligned}}}",
        r"\toprule",
        rf"{columns} \\",
        r"\midrule",
    ]
    heading = None
    for i, row in enumerate(table.cells):
        texts = [_cell(cell) for cell in row]
        if table.grouped and i and row[0].value == heading:
            texts[0] = ""
        elif table.grouped and i:
            parts.append(r"\addlinespace")
        heading = row[0].value
        parts.append(rf"{' & '.join(texts)} \\")
    return "\n".join([*parts, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _cell(cell: Cell) -> str:
    """“quadratic (69.1 kFLOP/token²)”: the best in bold, further lines in brackets."""
    first, *rest = lines(replace(cell, low=None, high=None))
    text = rf"\textbf{{{escape(first)}}}" if cell.best else escape(first)
    letter = rf"\textsuperscript{{{cell.letter}}} " if cell.letter else ""
    letters = rf"\textsuperscript{{{','.join(cell.letters)}}}" if cell.letters else ""
    interval = interval_text(cell)
    bounds = rf" {{\footnotesize [{escape(interval)}]}}" if interval else ""
    below = f" ({escape('; '.join(rest))})" if rest else ""
    return letter + text + letters + bounds + below
