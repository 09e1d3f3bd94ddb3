"""A verdict as JUnit XML, which CI servers show beside the tests: one test case a finding.

Only a pass is a success: a regression is a failure, a missing or unclear comparison an error.
Knows findings and the format (https://github.com/testmoapp/junitxml); writes no file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml  # only written here, never parsed

from rabbench.check.model import CheckResult, Verdict
from rabbench.config.check import TIERS

FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 allows in no form (https://www.w3.org/TR/xml/#charsets)."""

ELEMENTS = {"regression": "failure", "missing": "error", "unclear": "error"}


def xml(verdict: Verdict) -> str:
    """The whole document."""
    root = Xml.Element("testsuites", {"name": "rabbench check", **_counts(verdict.findings)})
    for tier in TIERS:
        found = [one for one in verdict.findings if one.tier == tier]
        if found:
            suite = Xml.SubElement(root, "testsuite", {"name": tier, **_counts(found)})
            for one in found:
                _case(suite, one)
    if not verdict.findings:  # nothing compared must not read as nothing wrong
        suite = Xml.SubElement(root, "testsuite", name="check", tests="1", failures="0", errors="1")
        case = Xml.SubElement(suite, "testcase", name="something is compared", classname="rabbench")
        Xml.SubElement(case, "error", type="missing", message=_plain(verdict.sentence))
        root.set("tests", "1")
        root.set("errors", "1")
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: Xml.Element, one: CheckResult) -> None:
    classname = f"rabbench.{one.tier}.{one.system}.{one.phase}"
    case = Xml.SubElement(suite, "testcase", name=_plain(one.name), classname=_plain(classname))
    if one.status != "pass":
        message = _plain(one.message)
        Xml.SubElement(case, ELEMENTS[one.status], type=one.status, message=message)
    elif one.message:
        Xml.SubElement(case, "system-out").text = _plain(one.message)


def _counts(findings: Sequence[CheckResult]) -> dict[str, str]:
    kinds = [ELEMENTS.get(one.status) for one in findings]
    return {
        "tests": str(len(findings)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
    }


def _plain(text: str) -> str:
    return FORBIDDEN.sub("�", text)
