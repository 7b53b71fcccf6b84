# SPDX-License-Identifier: Apache-2.0

"""The promises of the tree: which way imports run, and that one new file is enough for a tab or a task."""

import ast
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

import app
import core.tasks
import tabs
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.registry import discover
from core.settings import Settings
from tests.app_fixture import free_port

ROOT = Path(__file__).parents[1]
DROPINS = Path(__file__).parent / "dropins"
PACKAGES = ("app", "tabs", "web", "core")  # each may import those after it
# Inside core a module may import from its own row and from rows after it; what is in no row lies at the root, for all.
ROWS = (("training",), ("tasks",), ("data", "explain"), ("models",), ("engine",))
HEAVY = {"torch", "transformers", "datasets", "lancedb"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FILES = sorted([ROOT / "app.py", *(path for package in PACKAGES[1:] for path in (ROOT / package).rglob("*.py"))])
NAMES = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES}
MODULES = {name: path for path, name in NAMES.items()}
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def for_type_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(tree, everywhere):
    """Names of the modules that are imported: `everywhere`, or only when the file itself is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: relative import"
            yield node.module
            yield from (name for alias in node.names if (name := f"{node.module}.{alias.name}") in MODULES)
        elif everywhere or not (isinstance(node, FUNCTIONS) or for_type_checkers(node)):
            yield from imports(node, everywhere)


def imported(path, everywhere=True):
    return set(imports(ast.parse(path.read_text()), everywhere))


def row(name):
    part = name.split(".")[1] if name.count(".") else ""
    return next((number for number, parts in enumerate(ROWS) if part in parts), len(ROWS))


@each_file
def test_imports_run_one_way(path):
    own, names = NAMES[path], imported(path)
    package = PACKAGES.index(own.split(".")[0])
    assert not [name for name in names if name.split(".")[0] in PACKAGES[:package]]
    if own.startswith("core."):
        assert not {name.split(".")[0] for name in names} & {"gradio", "starlette", "fastapi"}
        above = [name for name in names if name.startswith("core.") and row(name) < row(own)]
        peers = [
            name for name in names if row(name) == row(own) < len(ROWS) and name.split(".")[1] != own.split(".")[1]
        ]
        assert not above
        assert not peers


@each_file
def test_families_share_layers_and_never_import_each_other(path):
    parts = NAMES[path].split(".")
    if parts[:2] != ["core", "models"] or len(parts) < 4:
        return
    allowed = {"families": (), "layers": (), "embedded": (), "trained": ("embedded",)}[parts[2]]
    for name in imported(path):
        where = name.split(".")
        if where[:2] == ["core", "models"] and len(where) > 3 and where[2] in ("families", "embedded", "trained"):
            assert where[2] in allowed or (where[2] == parts[2] and parts[2] in ("embedded", "trained")), name


@each_file
def test_tabs_never_import_each_other(path):
    parts = NAMES[path].split(".")
    if parts[0] == "tabs" and len(parts) > 1:
        others = [name.split(".")[1] for name in imported(path) if name.startswith("tabs.")]
        assert not [other for other in others if other != parts[1] and not other.startswith("_")]


def test_the_page_is_laid_out_without_heavy_packages():
    """app, tabs and web import none of them, not even through what they import: that takes seconds, and a page must not
    need a model to be built."""
    reached, todo = {}, [(name, name) for name in MODULES if name.split(".")[0] in PACKAGES[:3]]
    while todo:
        name, chain = todo.pop()
        if name.split(".")[0] in HEAVY:
            pytest.fail(f"imported at once: {chain}")
        if name in MODULES and name not in reached:
            reached[name] = chain
            packages = [".".join(name.split(".")[:n]) for n in range(1, name.count(".") + 1)]
            todo += [(other, f"{chain} -> {other}") for other in [*imported(MODULES[name], False), *packages]]


def test_heavy_packages_are_imported_on_first_use_only():
    """The same, as it turns out when they are imported; and families and tasks are listed without them."""
    code = f"""import sys
from core.models.catalog import discover_families
from core.registry import discover
import core.tasks
discover_families()
discover(core.tasks)
print([name for name in {sorted(HEAVY)} if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def drop_in(monkeypatch, package, folder):
    """Let the package find the modules of a folder of the tests' own, and forget them afterwards."""
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(DROPINS / folder)])
    for path in (DROPINS / folder).glob("*.py"):
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{path.stem}", raising=False)


@pytest.mark.slow
def test_a_tab_is_one_new_file(monkeypatch, tmp_path):
    """Listed, laid out, and its endpoint answers, refuses and is described."""
    drop_in(monkeypatch, tabs, "tabs")
    assert [tab.title for tab in tabs.all_tabs()][:2] == [
        "Start",
        "Dropped in",
    ]  # whose orders, 0 and 5, are the lowest
    lab = app.open_lab(Settings(port=free_port(), device="cpu", runs=tmp_path))
    page = app.build(lab)
    assert [block.label for block in page.blocks.values() if isinstance(block, gr.Tab)][:2] == ["Start", "Dropped in"]
    try:
        page.launch(**app.launch_options(lab), prevent_thread_lock=True, quiet=True)
        client = Client(f"http://127.0.0.1:{lab.settings.port}/", verbose=False)
        assert client.predict("a cat", api_name="/backwards") == "tac a"
        with pytest.raises(AppError, match=f"one of {len(lab.bundled)} pictures"):
            client.predict("", api_name="/backwards")
        described = client.view_api(return_format="dict")["named_endpoints"]["/backwards"]
        assert described["description"] == "The text from its end to its beginning."
    finally:
        page.close()
    monkeypatch.undo()
    assert "Dropped in" not in [tab.title for tab in tabs.all_tabs()]


def test_a_task_is_one_new_file(monkeypatch, engine):
    monkeypatch.setattr(core.tasks, "TASKS", core.tasks.TASKS.__class__("task"))
    drop_in(monkeypatch, core.tasks, "tasks")
    module = {module.__name__: module for module in discover(core.tasks)}["core.tasks.dropped_task"]
    assert "likeness" in core.tasks.TASKS.names()
    models = Models(engine)
    assert EMBEDDED in [spec.id for spec in models.catalog.specs(module.TASK.needs)]
    picture = Image.new("RGB", (64, 64), "red")
    assert module.likeness(models, EMBEDDED, picture, picture) == pytest.approx(1, abs=1e-4)
