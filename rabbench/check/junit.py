"""A verdict as JUnit XML, which CI servers show with the tests: a test case for each result.

Only a pass is a success: a regression is a failure, a missing or unclear comparison an error.
Knows check results and the format (https://github.com/testmoapp/junitxml); writes no file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml  # only written here, never parsed

from rabbench.check.model import CheckResult, Verdict
from rabbench.config.check import TIERS

FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 allows in no form (https://www.w3.org/TR/xml/#charsets)."""

ELEMENTS = {"regression": "failure", "missing": "error", "unclear": "error"}


def render_xml(verdict: Verdict) -> str:
    """The whole document."""
    root = Xml.Element("testsuites", {"name": "rabbench check", **_counts(verdict.findings)})
    for tier in TIERS:
        results = [result for result in verdict.findings if result.tier == tier]
        if results:
            suite = Xml.SubElement(root, "testsuite", {"name": tier, **_counts(results)})
            for result in results:
                _add_case(suite, result)
    if not verdict.findings:  # nothing compared must not read as nothing wrong
        suite = Xml.SubElement(root, "testsuite", name="check", tests="1", failures="0", errors="1")
        case = Xml.SubElement(suite, "testcase", name="something is compared", classname="rabbench")
        Xml.SubElement(case, "error", type="missing", message=_plain(verdict.sentence))
        root.set("tests", "1")
        root.set("errors", "1")
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: Xml.Element, result: CheckResult) -> None:
    classname = f"rabbench.{result.tier}.{result.system}.{result.phase}"
    name, message = _plain(result.name), _plain(result.message)
    case = Xml.SubElement(suite, "testcase", name=name, classname=_plain(classname))
    if result.status != "pass":
        Xml.SubElement(case, ELEMENTS[result.status], type=result.status, message=message)
    elif message:
        Xml.SubElement(case, "system-out").text = message


def _counts(results: Sequence[CheckResult]) -> dict[str, str]:
    elements = [ELEMENTS.get(result.status) for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
    }


def _plain(text: str) -> str:
    return FORBIDDEN.sub("�", text)
