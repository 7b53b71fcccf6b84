# SPDX-License-Identifier: Apache-2.0

"""Which models the page offers, and what it says of folders of --models that it does not."""

import gradio as gr
import pytest

import app
import core.tasks
from core.registry import discover
from core.settings import Settings
from core.tasks.captioning import METHODS


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "models" / "<b>odd").mkdir(parents=True)
    return tmp_path / "models"


def footnotes(**settings):
    page = app.build(app.open_lab(Settings(device="cpu", **settings)))
    return [
        block.value
        for block in page.blocks.values()
        if isinstance(block, gr.HTML) and "not offered" in (block.value or "")
    ]


def test_a_folder_that_is_no_checkpoint_is_named_with_the_reason(folder):
    assert footnotes(models=folder) == [
        "Folders of --models that are not offered: &lt;b&gt;odd: it has no config.json."
    ]


def test_over_the_network_only_their_number_is_told(folder):
    assert footnotes(models=folder, host="0.0.0.0") == [
        "Folders of --models that are not offered: 1. The console says which, and why."
    ]


def test_where_all_are_offered_nothing_is_said(folder):
    (folder / "<b>odd").rmdir()
    assert footnotes(models=folder) == []


def test_each_task_is_offered_with_every_model_that_serves_it():
    lab = app.open_lab(Settings(device="cpu"))
    blocks = app.build(lab).blocks.values()
    offered = [{value for _, value in getattr(block, "choices", None) or ()} - set(METHODS) for block in blocks]
    discover(core.tasks)
    for task in core.tasks.TASKS:
        serving = {spec.id for spec in lab.models.catalog.specs(task.needs)}
        assert serving
        assert serving in offered, task.name
