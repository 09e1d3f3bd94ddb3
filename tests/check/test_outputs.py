"""What a verdict is written as: table, JUnit XML, GitHub's annotations, summary and JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from rabbench import check
from rabbench.check import CheckResult, Policy, Verdict, github, junit
from rabbench.check import text as check_text
from rabbench.report.render import cell_text
from tests.check.runs import exact_run, sweep

BASELINE = Path("base,lines/gate: 1.json")


def _result(status: str, number: int = 0, message: str = "it grew") -> CheckResult:
    return CheckResult(
        tier="exact",
        system="teacher",
        phase="score",
        measure="flops",
        where=f"doc_len {number}",
        status=status,  # type: ignore[arg-type]
        unit="FLOP",
        better="lower",
        base=100.0,
        head=110.0,
        change=1.1,
        message=message if status != "pass" else "",
    )


def _verdict(*results: CheckResult) -> Verdict:
    return Verdict(findings=results, policy=Policy())


MIXED = _verdict(*map(_result, ("regression", "missing", "unclear", "pass"), range(4)))


def test_the_worst_result_is_the_verdict() -> None:
    assert (MIXED.status, MIXED.exit_code) == ("regression", 1)
    assert _verdict(*MIXED.findings[1:]).exit_code == 3
    assert _verdict(*MIXED.findings[2:]).exit_code == 3
    assert _verdict(*MIXED.findings[3:]).exit_code == 0
    assert _verdict().exit_code == 3
    assert MIXED.sentence == ("regression: of 4 checks 1 regression, 1 missing, 1 unclear, 1 pass")
    assert json.loads(json.dumps(MIXED.to_json()))["counts"]["unclear"] == 1


def test_the_table_shows_the_worst_of_each_measure_and_says_why() -> None:
    lines = list(check_text.render_verdict(MIXED))
    assert lines[0].split() == [*check_text.COLUMNS]
    assert re.search(
        r"teacher score flops +4 +100 FLOP +110 FLOP +1\.100× +– +regression", lines[1]
    )
    assert "regression: teacher score flops (doc_len 0): it grew" in lines
    assert lines[-1] == MIXED.sentence
    many = _verdict(*(_result("regression", n) for n in range(50)))
    assert "… and 30 more; --json and --junit have all" in list(check_text.render_verdict(many))
    assert list(check_text.render_verdict(_verdict())) == [_verdict().sentence]


def test_counts_are_shown_to_the_digit_and_orders_in_words() -> None:
    assert cell_text(check_text.value_cell(16_593_444_865, "FLOP")) == "16,593,444,865 FLOP"
    assert cell_text(check_text.value_cell(0.5, "1")) == "0.5"
    assert cell_text(check_text.value_cell(1.5, "×")) == "1.5×"
    assert cell_text(check_text.value_cell(2, "order")) == "quadratic"
    assert cell_text(check_text.value_cell(None, "B")) == "–"


def test_junit_counts_everything_but_a_pass_as_wrong() -> None:
    root = Xml.fromstring(junit.render_xml(MIXED))  # noqa: S314 - our own
    assert root.attrib == {"name": "rabbench check", "tests": "4", "failures": "1", "errors": "2"}
    (suite,) = root
    cases = {case.attrib["name"]: [child.tag for child in case] for case in suite}
    assert cases["teacher score flops (doc_len 0)"] == ["failure"]
    assert cases["teacher score flops (doc_len 2)"] == ["error"]
    assert cases["teacher score flops (doc_len 3)"] == []


def test_junit_of_nothing_is_an_error() -> None:
    root = Xml.fromstring(junit.render_xml(_verdict()))  # noqa: S314 - our own
    assert root.attrib["errors"] == "1"
    assert root.find("testsuite/testcase/error") is not None


def test_junit_stays_well_formed_whatever_a_message_says() -> None:
    odd = _verdict(_result("regression", message='<&>"\x00\x1b\ud800\ufffe ✓ ]]>'))
    (failure,) = Xml.fromstring(junit.render_xml(odd).encode()).iter("failure")  # noqa: S314 - our own
    assert failure.attrib["message"] == '<&>"���� ✓ ]]>'


def test_annotations_are_escaped_and_name_the_baseline() -> None:
    verdict = _verdict(_result("regression", message="50 % more\nthan: a, b"), *MIXED.findings[1:])
    first, second, third = github.annotated(verdict, BASELINE)
    assert first == (
        "::error file=base%2Clines/gate%3A 1.json,title=regression::"
        "teacher score flops (doc_len 0): 50 %25 more%0Athan: a, b"
    )
    assert second.startswith("::error ")
    assert third.startswith("::warning ")


def test_annotations_stay_within_what_github_shows() -> None:
    many = _verdict(*(_result("regression", n) for n in range(50)))
    lines = list(github.annotated(many, BASELINE))
    assert len(lines) == 10
    assert lines[-1].endswith("::41 more; the step's summary has all")
    assert len(list(github.annotated(_verdict(), BASELINE))) == 1


def test_the_summary_is_appended_and_stays_below_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    assert github.append_summary(MIXED, BASELINE) == path
    text = path.read_text()
    assert text.startswith("before\n# rabbench check: regression")
    assert "| exact | teacher score flops | 4 | 100 FLOP | 110 FLOP |" in text
    huge = _verdict(*(_result("regression", n, message="x" * 2000) for n in range(1000)))
    github.append_summary(huge, BASELINE)
    assert path.stat().st_size < 1024 * 1024
    path.write_text("y" * (1024 * 1024 - 300))
    github.append_summary(MIXED, BASELINE)
    assert path.read_text().endswith(f"**{MIXED.sentence}**\n")
    path.write_text("y" * (1024 * 1024 - 10))
    assert github.append_summary(MIXED, BASELINE) is None
    assert path.stat().st_size < 1024 * 1024
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert github.append_summary(MIXED, BASELINE) is None


def test_benchmark_json_has_one_direction_a_file() -> None:
    verdict = check.compare_runs([exact_run()], [exact_run()])
    smaller, bigger = (github.benchmark(verdict, better) for better in ("lower", "higher"))
    assert [entry["unit"] for entry in smaller] == ["FLOP", "B"]
    (metric,) = bigger
    assert metric == {
        "name": "bm25 quality mrr (dataset test)",
        "unit": "score",
        "value": 0.5,
        "extra": "pass; baseline 0.5",
    }


def test_names_do_not_change_from_run_to_run() -> None:
    """A chart over commits, or a CI server's history, goes by them."""
    names = [
        [result.name for result in check.compare_runs([sweep(1)], [sweep(seed)]).findings]
        for seed in (2, 3)
    ]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])
