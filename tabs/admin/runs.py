# SPDX-License-Identifier: Apache-2.0

"""The training runs of the admin page: start, watch, stop, resume, compare, download."""

from __future__ import annotations

import gradio as gr

from tabs._lab import Lab
from tabs._texts import texts
from tabs.admin import start, watch

SAID = texts("admin")


def build(lab: Lab, page: gr.Blocks) -> None:
    gr.Markdown(SAID.page_about, elem_classes="about")
    with gr.Tabs(elem_id="run-tabs", elem_classes="lab-tabs") as tabs:
        with gr.Tab(SAID.start_tab, id="start", render_children=True):  # duplicating fills it while it is not shown
            panel = start.build(lab)
        with gr.Tab(SAID.watch_tab, id="watch", render_children=True):
            watch.build(lab, page, panel, tabs)
