"""Names: the field's nouns rather than pronouns and participles; one meaning for each class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "rabbench"
TREES = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}

PRONOUNS = """
    one ones mine theirs ours other others own yours his hers her him them it its those these that
    this such both some what which who whose thing things
"""
PARTICIPLES = """
    found said says told tell asked ask made kept keep left wanted given taken held seen shown known
    drawn done gone parted spent turned named wrote written chosen meant tried spoken counted marked
    listed joined opened beside again
"""
WORDS = {*PRONOUNS.split(), *PARTICIPLES.split()}

DICTATED = {
    (ast.keyword, "left"),  # matplotlib
    (ast.Attribute, "ones"),  # numpy, torch
    (ast.Attribute, "which"),  # shutil
    (ast.Attribute, "keep"),  # of systems, in other packages too
}

SHARE = 0.005
"""The most of all identifiers that may be such words."""


def identifiers(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Each name, argument, attribute, definition, keyword argument and alias, with its node."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield node, name
            case ast.keyword(arg=str(name)) | ast.alias(asname=str(name)):
                yield node, name
            case ast.ExceptHandler(name=str(name)):
                yield node, name


def vague(tree: ast.AST) -> list[tuple[ast.AST, str]]:
    """The identifiers that are pronouns or participles."""
    return [
        (node, name)
        for node, name in identifiers(tree)
        if name.strip("_") in WORDS and (type(node), name) not in DICTATED
    ]


def test_identifiers_are_read_wherever_they_stand() -> None:
    code = """
import numpy as such
class told:
    def found(self, mine, *, kept):
        try:
            one = self.said = f(given=mine, left=1)
        except Error as wanted:
            left = self.keep
"""
    names = [
        "told",
        "found",
        "mine",
        "kept",
        "one",
        "said",
        "given",
        "mine",
        "such",
        "wanted",
        "left",
    ]
    assert sorted(name for _, name in vague(ast.parse(code))) == sorted(names)


def test_identifiers_are_not_pronouns_and_participles() -> None:
    places = [
        f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)} {name}"
        for path, tree in TREES.items()
        for node, name in vague(tree)
    ]
    count = sum(len(list(identifiers(tree))) for tree in TREES.values())
    assert count > 10_000
    assert len(places) <= SHARE * count, f"{len(places)} of {count}:\n" + "\n".join(places)


def test_a_class_has_a_name_of_its_own() -> None:
    files: dict[str, list[str]] = {}
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                files.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert len(files) > 100
    assert {name: paths for name, paths in files.items() if len(paths) > 1} == {}
