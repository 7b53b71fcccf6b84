# SPDX-License-Identifier: Apache-2.0

"""requirements.txt, requirements-test.txt and requirements.lock agree, and make and pre-commit run the same checks."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def requirements(name):
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


LOCK = {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in requirements("requirements.lock")}
ASKED = [*requirements("requirements.txt"), *requirements("requirements-test.txt")]


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.name)
def test_the_lock_pins_what_is_asked_for(asked):
    assert asked.specifier.contains(LOCK[canonicalize_name(asked.name)])


def test_the_lock_holds_exact_public_versions_only():
    """A version like 2.13.0+cpu or an address would install on this kind of machine only."""
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!]+", line)] == []
    assert len(lines) == len(LOCK)
    assert LOCK["torch"] == "2.13.0"


def test_a_space_gets_the_gradio_of_its_front_matter():
    front = yaml.safe_load((ROOT / "README.md").read_text().split("---")[1])
    gradio = next(one for one in requirements("requirements.txt") if one.name == "gradio")
    assert str(gradio.specifier) == f"=={front['sdk_version']}"


def test_pre_commit_runs_the_checks_of_make():
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]  # nothing is fetched
    commands = [hook["entry"] for hook in hooks[0]["hooks"]]
    assert commands == [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]
