# SPDX-License-Identifier: Apache-2.0

"""The training runs of the admin page: start, watch, stop, resume, compare, download."""

from __future__ import annotations

import gradio as gr

from tabs._lab import Lab
from tabs.admin import start, watch

ABOUT = """A run trains a small part on top of frozen models, in a process of its own: close this page, or the lab, and it goes on.
What it made appears by its name in every tab that can use it. The same from the shell: `python -m core.training --help`."""


def build(lab: Lab) -> None:
    gr.Markdown(ABOUT)
    with gr.Tabs() as tabs:
        with gr.Tab("Start", id="start", render_children=True):  # a clone fills its fields while it is not shown
            panel = start.build(lab)
        with gr.Tab("Watch", id="watch"):
            watch.build(lab, panel, tabs)
    panel.started.change(lambda: gr.Tabs(selected="watch"), None, tabs, api_visibility="private")
