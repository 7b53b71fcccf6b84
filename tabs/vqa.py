"""Visual question answering: ask a picture something in words."""

from __future__ import annotations

from typing import Any

import gradio as gr
import PIL.Image

from core.data.export import csv_text
from core.explain import leaning
from core.models.abilities import Answerer
from core.tasks import vqa
from tabs import _base as base

EXAMPLES = [
    ["kitten-yarn-ball.jpg", "What animal is this?"],
    ["dog-german-shepherd.jpg", "Is there a dog?"],
    ["rowing-boats-shore.jpg", "How many boats are there?"],
    ["coffee-cup-spoon.jpg", "What colour is the cup?"],
    ["mariachi-band.jpg", "What instrument is this?"],
]
HEADER = ["question", "answer", "confidence"]
ABOUT = """Ask a picture something. It is looked at once, so further questions about it are quick."""
TRAINED = """The embedded model knows these kinds of question: {}. Others get an answer, too, and a hint. It counts
poorly."""
HOW = """The **confidences** are the model's probabilities for its answers. The maps show which patches the answer leaned
on, one for each word of the question: attention weighted by its gradient, followed through the layers. Where the embedded
model ranks words (“what is this?”) or measures (numbers, colours, sides), the map is what it ranks or measures on: how much
each place resembles the word. The row below is a **sanity check**: the same of a model whose weights were shuffled. Where
both rows look alike, the map says nothing."""
MORE = """**Read more:** [ViLT](https://arxiv.org/abs/2102.03334) reads words and patches in one transformer;
[In Defense of Grid Features](https://arxiv.org/abs/2001.03615); relevance by
[Chefer et al.](https://arxiv.org/abs/2103.15679), its check by [Adebayo et al.](https://arxiv.org/abs/1810.03292); the article
[A Dive into Vision-Language Models](https://huggingface.co/blog/vision_language_pretraining), section “Multi-modal fusing”."""


def build(lab: base.Lab) -> None:
    gr.Markdown(ABOUT)
    with gr.Row():
        with gr.Column(min_width=300):
            image = base.PhotoInput(label="Your picture", height=300)
            question = gr.Textbox(
                "What animal is this?",
                label="Your question",
                info="Several questions: one a line (Shift+Enter)",
                lines=1,
                max_lines=8,
            )
            ask = gr.Button("Ask", variant="primary")
            gr.Markdown(TRAINED.format("; ".join(vqa.KINDS.values())), elem_classes="footnote")
            with gr.Accordion("Options", open=False):
                model = base.model_picker(lab, Answerer)
            examples = gr.Examples(
                [[str(base.EXAMPLES / file), text] for file, text in EXAMPLES],
                inputs=[image, question],
                label="Examples: choose one and it runs",
                cache_examples=False,
            )
        with gr.Column(min_width=300):
            answer = gr.Label(label="Answer", num_top_classes=5)
            note = gr.Markdown()
            table = gr.Dataframe(label="All answers", headers=HEADER, interactive=False, wrap=True)
            download = gr.DownloadButton("Download as CSV")
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        plot = gr.Plot(label="What the answer leaned on", show_label=False)
        check = gr.Markdown()
    with gr.Accordion("Show the code", open=False):
        code = gr.Code(label="The same answer with transformers", language="python", interactive=False)
    base.read_more(MORE)

    @base.safe
    def answer_question(
        image: PIL.Image.Image | None,
        question: str,
        model: str = "embedded",
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
    ) -> tuple[Any, ...]:
        """Answer a question about a picture, or several, one a line. Gives the five likeliest answers to the first with
        their confidences in 0..1, and a table of all."""
        questions = vqa.parse_questions(question)
        base.fetch_model(lab, model, progress)
        progress(0.1, desc="Looking at the picture")
        found = vqa.answer(lab.models, model, image, questions)
        progress(0.7, desc="Tracing what the answer leaned on")
        rows = [
            [one.question, text, round(confidence, 4)] for one in found for text, confidence in one.confidences.items()
        ]
        figure, words = _leaning(lab, model, image, questions[0])
        return (
            found[0].confidences,
            found[0].hint,
            {"headers": HEADER, "data": rows},
            base.write_file("answers.csv", csv_text(HEADER, rows)),
            figure,
            words,
            vqa.program(lab.models, model, base.file_name(image), questions[0]),
        )

    outputs = [answer, note, table, download, plot, check, code]
    inputs = [image, question, model]
    ask.click(answer_question, inputs, outputs, api_name="answer", scroll_to_output=True, **base.DEVICE)
    question.submit(answer_question, inputs, outputs, api_visibility="private", **base.DEVICE)
    examples.load_input_event.then(
        answer_question, inputs, outputs, api_visibility="private", scroll_to_output=True, **base.DEVICE
    )


def _leaning(lab: base.Lab, model: str, image: PIL.Image.Image | None, question: str) -> tuple[Any, str]:
    """The figure, and what its check says in words."""
    found = vqa.attribution(lab.models, model, image, question)
    if found is None or image is None:
        return None, "This model does not say what its answer leaned on."
    if not found.words:
        return None, "The question has no word to trace."
    shuffled = vqa.attribution(lab.models, model, image, question, shuffled=True)
    assert shuffled is not None
    alike = leaning.likeness(found, shuffled)
    verdict = "so the map comes from what the model has learned" if alike < 0.5 else "so read the map with care"
    return leaning.figure(image, found, shuffled), f"Correlation of the two rows: {alike:.2f}, {verdict}."


TAB = base.Tab("vqa", "Question answering", 25, build)
