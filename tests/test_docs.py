# SPDX-License-Identifier: Apache-2.0

"""What README.md, CONTRIBUTING.md and docs/ say is there. `python -m tests.test_docs` copies the examples in anew."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
HARDWARE = {
    "cpu-basic",
    "cpu-upgrade",
    "t4-small",
    "t4-medium",
    "l4x1",
    "l4x4",
    "a10g-small",
    "a10g-large",
    "a100-large",
}
# A comment that names a file, and the code that must be that file.
EXAMPLE = re.compile(r"(<!-- example: (\S+) -->\n```python\n)(.*?)(```\n)", re.DOTALL)


def with_current_examples(text):
    return EXAMPLE.sub(lambda found: found[1] + (ROOT / found[2]).read_text() + found[4], text)


def test_the_examples_are_the_files_that_tests_run():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert text == with_current_examples(text), "python -m tests.test_docs copies them in anew"
    shown = {path for _, path, _, _ in EXAMPLE.findall(text)}
    for kind in ("tabs", "families", "tasks", "objectives"):
        assert [path for path in shown if path.startswith(f"tests/dropins/{kind}/")], kind


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_commands_in_contributing_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    modules = {name.rstrip(".") for name in re.findall(r"python -m ((?:core|tests|recipes|benchmarks)[\w.]*)", text)}
    missing = [name for name in modules if not list(ROOT.glob(f"{name.replace('.', '/')}*"))]
    assert missing == []


def test_the_readme_shows_the_tree():
    tree = (ROOT / "README.md").read_text().split("## The tree\n\n```\n")[1].split("```")[0]
    named = set(re.findall(r"(?:^| )(\w+(?:/|\.py|\.md))", tree, re.MULTILINE))
    folders = {path.parent.name for kind in ("py", "md") for path in ROOT.glob(f"[!._]*/*.{kind}")}
    assert {f"{folder}/" for folder in folders} <= named
    there = {path.name for folder in folders for path in (ROOT / folder).rglob("*")} | folders | {"app.py"}
    assert sorted(name for name in named if name.rstrip("/") not in there) == []


def test_the_front_matter_is_what_a_space_reads():
    front = yaml.safe_load((ROOT / "README.md").read_text().split("---")[1])
    assert (front["sdk"], front["app_file"]) == ("gradio", "app.py")
    assert 0 < len(front["short_description"]) <= 60
    assert (ROOT / front["thumbnail"].split("/main/")[-1]).exists()
    assert front["suggested_hardware"] in HARDWARE
    assert all(re.fullmatch(r"[a-z0-9-]+", tag) for tag in front["tags"])
    assert "hf_oauth" not in front  # the lab signs nobody in by the hub


if __name__ == "__main__":
    page = ROOT / "CONTRIBUTING.md"
    page.write_text(with_current_examples(page.read_text()))
