# SPDX-License-Identifier: Apache-2.0

"""A tab of one file, as somebody would add it."""

import gradio as gr

from core.errors import UserError
from tabs._lab import Lab, Tab, bind


def build(lab: Lab) -> None:
    text = gr.Textbox(label="Text")
    answer = gr.Textbox(label="Backwards")
    gr.Button("Turn").click(bind(lab, backwards), text, answer, api_name="backwards")


def backwards(lab: Lab, text: str) -> str:
    """The text from its end to its beginning."""
    if not text:
        raise UserError(f"Type a text for one of {len(lab.bundled)} pictures.")
    return text[::-1]


TAB = Tab("dropped", "Dropped in", 5, build)
