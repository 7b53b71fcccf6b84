# SPDX-License-Identifier: Apache-2.0

"""Visual question answering: ask a picture something in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core import images
from core.assets import EXAMPLES_FOLDER
from core.data.export import csv_text
from core.explain import attribution
from core.models.family import EMBEDDED
from core.tasks import vqa
from tabs._downloads import write_file
from tabs._jobs import SHORT, downloaded, stops
from tabs._lab import Lab, Tab, bind
from tabs._outputs import only
from tabs._values import figure_of, lines, needed, rows
from tabs._widgets import code_panel, model_picker, read_more
from web.inputs import PhotoInput, file_name

EXAMPLES = [
    ["kitten-yarn-ball.jpg", "What animal is this?"],
    ["dog-german-shepherd.jpg", "Is there a dog?"],
    ["rowing-boats-shore.jpg", "How many boats are there?"],
    ["coffee-cup-spoon.jpg", "What colour is the cup?"],
    ["mariachi-band.jpg", "What instrument is this?"],
]
HEADER = ["question", "answer", "confidence"]
ABOUT = """Ask a question about a picture. The picture is encoded once, so that further questions about it are quick."""
TRAINED = """The built-in model knows these kinds of question: {}. Others get an answer, too, and a hint. It counts
poorly."""
HOW = """The **confidences** are the model's probabilities for its answers. The maps show which patches the answer leaned
on, one for each word of the question: attention weighted by its gradient, followed through the layers. Where the built-in
model ranks words (“what is this?”) or measures (numbers, colours, sides), the map is what it ranks or measures on: how much
each place resembles the word. The one called “shuffled” is a **sanity check**: the same as the first, of a model
whose weights were shuffled. Where both look alike, the map says nothing."""
MORE = """**Read more:** [ViLT](https://arxiv.org/abs/2102.03334) reads words and patches in one transformer;
[In Defense of Grid Features](https://arxiv.org/abs/2001.03615); relevance by
[Chefer et al.](https://arxiv.org/abs/2103.15679), its check by [Adebayo et al.](https://arxiv.org/abs/1810.03292); the article
[A Dive into Vision-Language Models](https://huggingface.co/blog/vision_language_pretraining), section “Multi-modal fusing”."""


class Outputs(NamedTuple):
    answer: Any
    note: Any
    table: Any
    download: Any
    plot: Any
    check: Any
    code: Any


def build(lab: Lab) -> None:
    gr.Markdown(ABOUT)
    with gr.Row():
        with gr.Column(min_width=300):
            image = PhotoInput(label="Your picture", height=300)
            question = gr.Textbox(
                "What animal is this?",
                label="Your question",
                info="Several questions: one a line (Shift+Enter)",
                lines=1,
                max_lines=8,
            )
            with gr.Row():
                ask = gr.Button("Ask", variant="primary")
                stop = gr.Button("Stop")
            gr.Markdown(TRAINED.format("; ".join(vqa.KIND_EXAMPLES.values())), elem_classes="footnote")
            with gr.Accordion("Options", open=False):
                model = model_picker(lab, vqa.TASK.needs)
            examples = gr.Examples(
                [[str(EXAMPLES_FOLDER / file), text] for file, text in EXAMPLES],
                inputs=[image, question],
                label="Examples: choose one and it runs",
                cache_examples=False,
            )
        with gr.Column(min_width=300):
            answer = gr.Label(label="Answer", num_top_classes=5)
            note = gr.Markdown(label="Note")
            table = gr.Dataframe(label="All answers", headers=HEADER, interactive=False, wrap=True)
            download = gr.DownloadButton("Download as CSV")
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        plot = gr.Plot(label="What the answer leaned on", show_label=False)
        check = gr.Markdown(label="Check")
    outputs = Outputs(answer, note, table, download, plot, check, code_panel("The same answer with transformers"))
    read_more(MORE)

    event = {
        "fn": bind(lab, answer_question),
        "inputs": [image, question, model],
        "outputs": list(outputs),
        **SHORT,
    }
    private: dict[str, Any] = {"api_visibility": "private"}
    events = [
        ask.click(**event, api_name="answer", scroll_to_output=True),
        question.submit(**event, **private),
        examples.load_input_event.then(**event, scroll_to_output=True, **private),
    ]
    stops(stop, events, note)


def _noted(note: str) -> Outputs:
    return only(Outputs, note=note)


def answer_question(
    lab: Lab,
    image: PIL.Image.Image | None,
    question: str,
    model: str = EMBEDDED,
    progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
) -> Iterator[Outputs]:
    """Answer a question about a picture, or several, one a line. Gives the five likeliest answers to the first with
    their confidences in 0..1, and a table of all."""
    questions, image = vqa.parse_questions(question), needed(image)
    yield from downloaded(lab, model, progress, _noted)
    progress(0.1, desc="Encoding the picture")
    found = vqa.answer(lab.models, model, image, questions)
    progress(0.7, desc="Computing which patches the answer leaned on")
    data = [[one.question, text, round(confidence, 4)] for one in found for text, confidence in one.confidences.items()]
    figure, check = _attribution(lab, model, image, questions[0])
    yield Outputs(
        answer=found[0].confidences,
        note=lines(images.note(image), found[0].hint),
        table=rows(HEADER, data),
        download=write_file("answers.csv", csv_text(HEADER, data)),
        plot=figure,
        check=check,
        code=vqa.program(lab.models, model, file_name(image), questions[0]),
    )


def _attribution(lab: Lab, model: str, image: PIL.Image.Image, question: str) -> tuple[Any, str]:
    """The figure, and what its check says in words."""
    found = vqa.attribution(lab.models, model, image, question)
    if found is None:
        return None, "This model does not say what its answer leaned on."
    if not found.words:
        return None, "The question has no word to trace."
    shuffled = vqa.attribution(lab.models, model, image, question, shuffled=True)
    assert shuffled is not None
    alike = attribution.correlation(found, shuffled)
    verdict = "so the map depends on the weights" if alike < 0.5 else "so read the map with care"
    drawn = attribution.drawing(image, found, shuffled)
    return figure_of(drawn), f"Correlation of both maps over all words: {alike:.2f}, {verdict}."


TAB = Tab("vqa", "Question answering", 25, build)
