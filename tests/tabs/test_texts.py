# SPDX-License-Identifier: Apache-2.0

"""What the page says: every text that code names is in texts/en.yaml with just the places that are filled in, and none is left over."""

import ast
import string

import pytest
import yaml

from tabs._texts import FOLDER, texts
from tabs.start.strategies import STRATEGIES
from tests.test_architecture import ROOT

SAID = yaml.safe_load((FOLDER / "en.yaml").read_text(encoding="utf-8"))
FILES = sorted([ROOT / "app.py", *(ROOT / "tabs").rglob("*.py")])
HANDLERS = [path for path in FILES if path.stem.endswith("handlers") or path.stem == "searching"]
# Whose names are put together as the page is built.
COMPOSED = {("start", name + end) for name in STRATEGIES for end in ("", "_does", "_tab")}
COMPOSED |= {("admin", name) for name in SAID["admin"] if name.startswith(("field_", "state_"))}
COMPOSED |= {("what_if", f"part_{number}") for number in range(9)}


def section(node):
    """The section of a call `texts("...")`, if it is one."""
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "texts"
    return node.args[0].value if named and isinstance(node.args[0], ast.Constant) else None


def bound(tree):
    """Which names of a module stand for which sections."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            pairs = (
                zip(target.elts, node.value.elts, strict=True)
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                else [(target, node.value)]
            )
            names |= {name.id: section(value) for name, value in pairs if section(value)}
    return names


def uses(path):
    """(section, text, places that are filled in, or None where it is shown as it is) of each use in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = bound(tree)

    def of(node):
        return names.get(node.id) if isinstance(node, ast.Name) else section(node)

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and of(node.value):
            yield of(node.value), node.attr, None
        elif isinstance(node, ast.Call) and of(node.func) and node.args and isinstance(node.args[0], ast.Constant):
            yield of(node.func), node.args[0].value, {keyword.arg for keyword in node.keywords}


USES = [(path.relative_to(ROOT), *use) for path in FILES for use in uses(path)]


def places(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_that_is_named_is_there_with_its_places():
    assert len(USES) > 150, "they are found"
    missing = [(path, part, name) for path, part, name, _ in USES if name not in SAID[part]]
    assert missing == []
    wrong = [
        (path, part, name)
        for path, part, name, filled in USES
        if (places(SAID[part][name]) != filled if filled is not None else places(SAID[part][name]) - {""})
    ]
    assert wrong == [], "filled in otherwise than the text says, or shown with its braces"


def test_no_text_is_left_over():
    used = {(part, name) for _, part, name, _ in USES} | COMPOSED
    assert [(part, name) for part, named in SAID.items() for name in named if (part, name) not in used] == []


def test_texts_are_texts():
    """YAML takes `on` for true, and `1:30` for a number."""
    odd = [(part, name) for part, named in SAID.items() for name, text in named.items() if not isinstance(text, str)]
    assert odd == []
    assert [part for part, named in SAID.items() if not all(isinstance(name, str) for name in named)] == []


def test_no_text_stands_twice_in_a_section():
    """Of which YAML keeps the last."""
    part, seen, twice = "", set(), []
    for line in (FOLDER / "en.yaml").read_text(encoding="utf-8").splitlines():
        indent, name = len(line) - len(line.lstrip()), line.strip().partition(":")[0]
        if not line.strip() or line.startswith("#") or indent > 2 or ":" not in line:
            continue
        part, key = (name, (name,)) if indent == 0 else (part, (part, name))
        twice += [key] if key in seen else []
        seen.add(key)
    assert twice == []


def spoken(node):
    """Whether an argument is words that stand in the code."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""
    )


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_handlers_say_stands_in_the_texts(path):
    """Errors, what the answer's outputs and the progress bar say."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = [
        argument
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in ("UserError", "sentence", "trust", "error")
        for argument in node.args
    ]
    shown = ("note", "shown", "why", "desc", "error")
    said += [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in shown]
    assert [node.lineno for node in said if spoken(node)] == []


def test_a_text_or_section_that_there_is_not_is_told():
    with pytest.raises(AttributeError, match=r"has no text classify\.nothing"):
        texts("classify").nothing  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no text classify\.nothing"):
        texts("classify")("nothing", number=3)
    with pytest.raises(KeyError):
        texts("nobody")
    assert texts("common")("percent", value=82.6) == "83 %"
