"""The training runs of the admin page: start, watch, stop, go on, compare, take away."""

from __future__ import annotations

import gradio as gr

from core.training import all_objectives
from tabs import _base as base
from tabs import _runs_start, _runs_watch
from tabs._runs_form import Form

ABOUT = """A run trains a small part on top of frozen models, in a process of its own: close this page, or the lab, and it goes on.
What it made appears by its name in every tab that can use it. The same from the shell: `python -m core.training --help`."""


def build(lab: base.Lab) -> None:
    gr.Markdown(ABOUT)
    with gr.Tabs() as tabs:
        with gr.Tab("Start", id="start"), gr.Row():
            with gr.Column(min_width=300):
                form = Form(all_objectives())
            with gr.Column(min_width=300):
                start = _runs_start.build(lab, form)
        with gr.Tab("Watch", id="watch"):
            watch = _runs_watch.build(lab, form, start, tabs)
    start.started.then(lambda: gr.Tabs(selected="watch"), None, tabs, api_visibility="private")
    watch.follow(start.started)
