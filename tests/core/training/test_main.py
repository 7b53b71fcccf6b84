# SPDX-License-Identifier: Apache-2.0

import subprocess
import sys
from pathlib import Path

import pytest

from core.training.__main__ import COMMANDS, _parser, main
from core.training.data import scenes
from core.training.run_folder import RunFolder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def test_help_is_quick_and_tells_every_command():
    """Without torch: in a process of its own, as a person would ask."""
    code = "import sys; sys.argv[1:] = ['--help']; import core.training.__main__ as m\ntry: m.main()\nexcept SystemExit: print([n for n in ('torch', 'transformers', 'datasets') if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.endswith("[]\n")
    for word in ("RUN_DIR", "new", "list", "accelerate launch -m core.training RUN_DIR"):
        assert word in found.stdout


def test_every_flag_has_help():
    (commands,) = (action for action in _parser()._actions if action.choices)
    assert list(commands.choices) == list(COMMANDS)
    for command in commands.choices.values():
        assert all(action.help for action in command._actions)


def test_objectives_are_listed_with_their_settings(capsys):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert "contrastive: " in said
    assert "loss=softmax" in said
    assert "steps=200" in said


def test_a_run_is_laid_out_and_trained(tmp_path, capsys):
    place = tmp_path / "$(touch x) run"
    given = ["--objective", "contrastive", "--set", "steps=2", "--set", "batch=8", "--set", "lock_image=false"]
    assert main(["new", str(place), *given, "--set", "loss=sigmoid", "--name", "mine"]) == 0
    assert "253 examples can be used" in capsys.readouterr().out
    request = RunFolder(place).request()
    assert (request.name, request.data, request.base) == ("mine", "gallery", "embedded")
    assert request.settings["loss"] == "sigmoid"
    assert request.settings["lock_image"] is False
    assert request.settings["seed"] == 0  # what was not said is written down too
    folder = RunFolder(place)
    lines = (place / "data.jsonl").read_text().splitlines(keepends=True)
    folder.write("data.jsonl", "".join(lines[:20]))  # the rest would only take time
    (place / "split.json").unlink()
    assert main([str(place), "--device", "cpu"]) == 0
    assert capsys.readouterr().out == "finished\n"
    assert folder.status()["state"] == "finished"


@pytest.mark.parametrize(("objective", "phrases"), [("masks", True), ("answers", False)])
def test_scenes_are_drawn_by_the_runs_seed_with_phrases_where_the_objective_reads_those(objective, phrases, tmp_path):
    given = ["--objective", objective, "--data", "scenes", "--rows", "8", "--set", "seed=7"]
    assert main(["new", str(tmp_path / "run"), *given]) == 0
    rows = RunFolder(tmp_path / "run").examples()
    wanted = scenes.make(tmp_path / "wanted", 8, 7, phrases)
    assert [row.text for row in rows] == [example.text for example in wanted]
    for row, example in zip(rows, wanted, strict=True):
        assert Path(row.mask).read_bytes() == Path(example.mask).read_bytes()
        assert (row.text in scenes.OBJECTS.values()) == phrases


@pytest.mark.parametrize(
    ("argv", "match"),
    [
        (["no-such-folder"], "no readable request"),
        (["new", "X", "--objective", "magic"], "no objective called 'magic'"),
        (["new", "X", "--objective", "contrastive", "--set", "steps"], "NAME=VALUE"),
        (["new", "X", "--objective", "contrastive", "--set", "steps=many"], "steps wants a whole number"),
        (["new", "X", "--objective", "contrastive", "--set", "steps=0"], "steps lies between"),
        (["new", "X", "--objective", "contrastive", "--set", "depth=3"], "no setting called"),
        (["new", "X", "--objective", "contrastive", "--data", "nothing"], "no data called"),
        (["new", "X", "--objective", "contrastive", "--data", "zip", "--file", "gone.zip"], "zip could not"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(argv, match, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 1
    said = capsys.readouterr().err
    assert match in said
    assert said.count("\n") == 1
    assert not (tmp_path / "X").exists()
