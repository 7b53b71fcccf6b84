# SPDX-License-Identifier: Apache-2.0

"""What the page says of folders of --models that are not offered."""

import gradio as gr
import pytest

import app
from core.settings import Settings


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
