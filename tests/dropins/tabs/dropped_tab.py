import gradio as gr

from tabs._lab import Lab, Tab
from web.errors import translate_errors


def build(lab: Lab) -> None:
    text = gr.Textbox(label="Text")
    answer = gr.Textbox(label="Backwards")

    @translate_errors
    def backwards(text: str) -> str:
        """The text from its end to its beginning."""
        return text[::-1]

    gr.Button("Turn").click(backwards, text, answer, api_name="backwards")


TAB = Tab("dropped", "Dropped in", 5, build)
