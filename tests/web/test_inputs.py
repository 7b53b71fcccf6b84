# SPDX-License-Identifier: Apache-2.0

"""The components of our own: what they let through, and that making them writes no file."""

import importlib.util
import sys

from gradio.components import Component

import app  # noqa: F401  defines all components there are
from web.inputs import AnyCheckboxGroup, AnyDropdown, WithoutStub

MODULE = """
import gradio as gr
from web.inputs import WithoutStub

class Plain(gr.Textbox):
    is_template = True

class Quiet(gr.Textbox, metaclass=WithoutStub):
    is_template = True
"""


def test_a_subclass_of_a_component_writes_no_stub(tmp_path, monkeypatch):
    source = tmp_path / "made_here.py"
    source.write_text(MODULE)
    spec = importlib.util.spec_from_file_location("made_here", source)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "made_here", module)
    spec.loader.exec_module(module)
    stub = source.with_suffix(".pyi").read_text()  # what Gradio does by itself
    assert "class Plain(gr.Textbox):\n    is_template = True\n    from typing" in stub
    assert "class Quiet(gr.Textbox, metaclass=WithoutStub):\n    is_template = True\n    from typing" not in stub
    assert (module.Quiet().get_block_name(), module.Quiet.EVENTS) == ("textbox", module.Plain.EVENTS)


def test_all_components_of_our_own_are_made_that_way():
    todo, own = [Component], []
    while todo:
        todo += (found := todo.pop().__subclasses__())
        own += [one for one in found if one.__module__.split(".")[0] in ("web", "tabs")]
    assert {one.__name__ for one in own} >= {"PhotoInput", "AnyDropdown", "AnyCheckboxGroup"}
    assert {type(one) for one in own} == {WithoutStub}


def test_names_that_the_page_did_not_list_are_taken():
    assert AnyDropdown(["a"]).preprocess("b") == "b"
    assert AnyDropdown(["a"]).preprocess(None) is None
    assert AnyCheckboxGroup(["a"]).preprocess(["b", 3]) == ["b", "3"]
