"""The promises of the tree: which way imports run, and that one new file is enough for a tab or a task."""

import ast
import sys
from pathlib import Path

import pytest
from PIL import Image

import app
import core.tasks
import tabs
from core.models import EMBEDDED, Models
from core.registry import discover
from core.settings import Settings

ROOT = Path(__file__).parents[1]
DROPINS = Path(__file__).parent / "dropins"
# Inside core, lower rows never import from higher ones; what is in no row is for all.
LAYERS = (("training", "tasks", "explain"), ("galleries", "bundled", "store"), ("models",), ("hub", "engine"), ("cache", "images", "settings"), ("registry", "errors", "results", "export"))  # fmt: skip


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module):
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 and parts[0] == "core" else None
    return next((row for row, names in enumerate(LAYERS) if name in names), None)


@pytest.mark.parametrize(
    "path",
    sorted(path for package in ("core", "tabs", "web") for path in ROOT.glob(f"{package}/**/*.py")),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_imports_run_one_way(path):
    modules = set(imported(path))
    tops = {module.split(".")[0] for module in modules}
    if path.is_relative_to(ROOT / "core"):
        assert not tops & {"gradio", "starlette", "web", "tabs", "app"}
        own = layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
        above = [module for module in modules if own is not None and (row := layer(module)) is not None and row < own]
        assert not above
    elif path.is_relative_to(ROOT / "web"):
        assert not tops & {"torch", "transformers", "tabs", "app"}
    else:
        assert not tops & {"torch", "transformers", "app"}
        assert not [m for m in modules if m.startswith("tabs.") and not m.startswith("tabs._")]  # those are shared


def test_heavy_packages_are_imported_on_first_use_only():
    """Settings, families and tasks can be listed without torch; the page is built in seconds because of it."""
    import subprocess

    code = "import sys, core.settings, core.models, core.tasks; from core.registry import discover; discover(core.models); discover(core.tasks); print([m for m in ('torch', 'transformers', 'lancedb', 'datasets') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout.strip() == "[]"


def drop_in(monkeypatch, package, folder):
    """Let the package find the modules of a folder of the tests' own, and forget them afterwards."""
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(DROPINS / folder)])
    for path in (DROPINS / folder).glob("*.py"):
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{path.stem}", raising=False)


def test_a_tab_is_one_new_file(monkeypatch):
    drop_in(monkeypatch, tabs, "tabs")
    assert tabs.all_tabs()[0].title == "Dropped in"  # its order, 5, is the lowest
    page = app.build(app.open_lab(Settings(device="cpu")))
    assert "backwards" in [fn.api_name for fn in page.fns.values()]
    monkeypatch.undo()
    assert "Dropped in" not in [tab.title for tab in tabs.all_tabs()]


def test_a_task_is_one_new_file(monkeypatch, engine):
    monkeypatch.setattr(core.tasks, "TASKS", core.tasks.TASKS.__class__("task"))
    drop_in(monkeypatch, core.tasks, "tasks")
    module = {module.__name__: module for module in discover(core.tasks)}["core.tasks.dropped_task"]
    assert "likeness" in core.tasks.TASKS.names()
    models = Models(engine)
    assert EMBEDDED in [spec.id for spec in models.specs(module.TASK.needs)]
    picture = Image.new("RGB", (64, 64), "red")
    assert module.likeness(models, EMBEDDED, picture, picture) == pytest.approx(1, abs=1e-4)
