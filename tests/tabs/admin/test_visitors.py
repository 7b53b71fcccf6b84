# SPDX-License-Identifier: Apache-2.0

"""The tab that everyone sees, without HTTP."""

import json
import re
from dataclasses import replace

import gradio as gr
import pytest
import torch
from safetensors.torch import save_file

from core.settings import Settings
from core.training.request import Request
from tabs.admin.uses import uses
from tabs.admin.visitors import build, data_of, key, show, way_in
from web.admin_sessions import AdminSessions


def asked(lab, id):
    return show(lab, f"?tab=admin&run={key(lab.runs.get(id))}")


def test_a_finished_run_is_shown_with_its_curves_and_predictions(lab, finished):
    listed = show(lab)
    runs, _, trainable = listed.runs.partition("What can be trained")
    assert "<table" in trainable
    assert re.findall(r"<td.*?>(?:<a.*?>)?(.*?)<", runs) == [
        "mine",
        "A line through numbers",
        "error 0.500 → 0.250 (4 held out)",
        "other data",
    ]
    assert listed[1:] == ("", "", "")
    found = asked(lab, finished)
    assert "mine" in found.head
    assert "error from 0.50 to 0.25 at step 10" in found.curves
    assert re.findall(r'label="(?:Before|After)">(.*?)<', found.predictions) == ["0.1", "0.0", "0.2", "0.05"]
    assert "<img" not in found.predictions  # the pictures may be the admin's own


def test_no_other_run_and_no_path_is_shown(lab, finished, examples):
    other = lab.runs.start(Request("toy", "numbers", {"steps": 30}, name="secret"), examples)
    lab.runs.folder(finished).log.write_text("what it printed")
    shown = "".join([*show(lab), *asked(lab, finished), *asked(lab, other)])
    for hidden in ("secret", "what it printed", finished, other, str(lab.runs.place), ".png"):
        assert hidden not in shown
    assert "no longer here" in asked(lab, other).head


def test_without_runs_there_is_a_sentence_and_what_can_be_trained(lab):
    listed = show(lab)
    assert "No run is finished here yet" in listed.runs
    assert listed.runs.count("<table") == 1
    cells = re.findall(r"<td.*?>(.*?)<", listed.runs)
    place = cells.index("Question answering (ViLT, VisualBERT)")
    assert cells[place + 1 : place + 3] == ["image, question, answer", "accuracy"]
    assert listed[1:] == ("", "", "")
    nowhere = show(replace(lab, runs=None, admin_sessions=None))
    assert "keeps no training runs" in nowhere.runs
    assert nowhere[1:] == ("", "", "")


def test_a_place_that_cannot_be_used_is_said_without_naming_it(lab, finished):
    (lab.runs.place / "runs.sqlite").write_bytes(b"no table" * 100)
    assert "cannot be read at the moment" in show(lab).runs
    (lab.runs.place / "runs.sqlite").unlink()


def test_the_way_in(lab):
    assert 'action="/admin/sign-in"' in way_in(replace(lab, admin_sessions=AdminSessions("secret")))
    by_link = way_in(replace(lab, admin_sessions=AdminSessions(link=True)))
    assert "link that was printed" in by_link
    assert "<form" not in by_link
    off = replace(lab, admin_sessions=None, runs=None, settings=Settings(host="0.0.0.0"))
    assert "holds no password" in way_in(off)
    assert "<form" not in way_in(off)
    with gr.Blocks():
        build(off)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("gallery", "the lab's pictures with captions"),
        ("gallery:birds", "the gallery birds"),
        ("zip", "pictures of the admin's own"),
        ("hub:a/b", "the dataset a/b of the hub"),
        ("/home/me/data", "other data"),
    ],
)
def test_data_in_words(lab, finished, data, said):
    assert data_of(replace(lab.runs.get(finished), data=data)) == said


def test_a_model_is_offered_where_its_abilities_allow(lab, finished):
    assert uses(lab, finished) == []
    folder = lab.runs.folder(finished)
    folder.model.mkdir()
    save_file({"weight": torch.zeros(1)}, folder.model / "model.safetensors")
    (folder.model / "config.json").write_text(json.dumps({"architectures": ["TunedPair"], "base": "embedded"}))
    offered = dict(uses(lab, finished, "../"))
    assert "../?tab=classify&picture=kitten-yarn-ball.jpg&model=mine" in offered.values()
    assert list(offered) == ["Use it in Classify", "Use it in Search"]
