# SPDX-License-Identifier: Apache-2.0

"""The start half of the admin page, without HTTP."""

from pathlib import Path

import gradio as gr
import pytest

from core.errors import UserError
from core.training.data import scenes
from tabs.admin.starting import StartForm, show_examples, start_run, suit_objective, suit_source


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "phrases"), [("masks", True), ("answers", False)])
def test_scenes_are_drawn_by_the_runs_seed_with_phrases_where_the_objective_reads_those(
    lab, progress, tmp_path, objective, phrases
):
    form = StartForm(objective, {"seed": 7}, "scenes", rows=10, name="mine")
    found = next(show_examples(lab, form, progress))
    assert found.note.startswith("10 examples can be used")
    shown = found.examples.value
    started = next(start_run(lab, form, progress))
    id = started.started
    assert "Watch" in started.note
    rows, wanted = lab.runs.folder(id).examples(), scenes.make(tmp_path / "wanted", 10, 7, phrases)
    assert [row.text for row in rows] == [example.text for example in wanted]
    for row, example in zip(rows, wanted, strict=True):
        assert Path(row.mask).read_bytes() == Path(example.mask).read_bytes()
        assert (row.text in scenes.OBJECTS.values()) == phrases
    assert len(shown) == 8
    assert all((one["caption"] in scenes.OBJECTS.values()) == phrases for one in shown)


@pytest.mark.slow
def test_a_run_is_started_with_what_was_filled_in(lab, progress):
    id = next(start_run(lab, StartForm("toy", {"steps": 7}, "scenes", rows=10, name=" my run "), progress)).started
    run = lab.runs.get(id)
    assert (run.name, run.objective, run.data, run.steps, run.state) == ("my run", "toy", "scenes", 7, "running")


@pytest.mark.parametrize(
    ("form", "match"),
    [
        (StartForm("nothing", {}, "gallery"), "no objective called"),
        (StartForm("toy", {"steps": None}, "gallery"), "steps wants a whole number"),
        (StartForm("toy", {}, "gallery:nobody"), "no gallery called|not kept here"),
        (StartForm("toy", {}, "hub", hub_id="../x"), "hub:owner/name"),
        (StartForm("toy", {}, "zip"), "Choose the zip"),
        (StartForm("toy", {}, "scenes", rows=10**9), "between 1 and"),
        (StartForm("toy", {}, "gallery", base="gpt2"), "cannot start from"),
    ],
    ids=str,
)
def test_refusals(lab, progress, form, match):
    with pytest.raises(UserError, match=match):
        next(start_run(lab, form, progress))
    assert lab.runs.list() == []


@pytest.mark.parametrize("training", [True, False])
def test_a_second_start_is_refused_before_its_data_are_made(lab, progress, monkeypatch, request, training):
    monkeypatch.setattr("tabs.admin.starting.load", lambda *_: pytest.fail("data are made"))
    form = StartForm("toy", {}, "scenes", rows=10, name="second")
    if training:
        request.getfixturevalue("running")
        with pytest.raises(UserError, match="'mine' is training"):
            next(start_run(lab, form, progress))
    else:
        with lab.runs.preparing("first"), pytest.raises(UserError, match="'first' is being prepared"):
            next(start_run(lab, form, progress))


def test_another_objective_brings_its_bases_and_data_but_keeps_data_of_ones_own(lab):
    bases, data = suit_objective(lab, "contrastive", "scenes")
    assert (bases.value, data) == ("embedded", "gallery")
    assert len(bases.choices) > 1
    assert suit_objective(lab, "masks", "gallery")[1] == "scenes"
    assert suit_objective(lab, "masks", "zip")[1] == gr.skip()


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("gallery", (False, False, False)),
        ("scenes", (False, True, False)),
        ("zip", (True, False, False)),
        ("hub", (False, True, True)),
    ],
)
def test_a_source_asks_for_what_it_needs(source, asked):
    assert tuple(component.visible for component in suit_source(source)) == asked
