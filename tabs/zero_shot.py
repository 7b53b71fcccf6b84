# SPDX-License-Identifier: Apache-2.0

"""Zero-shot classification: name the labels, and the model says which of them describes the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core.assets import EXAMPLES_FOLDER
from core.data.export import csv_text
from core.errors import UserError
from core.explain import anchors, matrix, scores
from core.models.abilities import AnchoredEncoder
from core.models.family import EMBEDDED
from core.results import Classification
from core.tasks import zero_shot
from tabs._downloads import write_file
from tabs._jobs import LONG, SHORT, downloaded, stepper, stoppable, stops
from tabs._lab import Lab, Tab, bind
from tabs._outputs import only
from tabs._values import as_text, lines, needed, rows, titles
from tabs._widgets import code_panel, model_picker, read_more
from web.inputs import FileInput, PhotoInput, file_name

MAX_PICTURES = 64
PETS = "cat, dog, horse, bird"
TWO_PETS = ("kitten-yarn-ball.jpg", "dog-german-shepherd.jpg")
EXAMPLES = [
    [TWO_PETS[0], PETS],
    [TWO_PETS[1], PETS],
    ["coffee-cup-spoon.jpg", "a cup of coffee, a bowl of soup, a plate of pasta, a glass of wine"],
    ["mariachi-band.jpg", "musicians playing guitars, people eating dinner, a football team, an empty street"],
    ["rowing-boats-shore.jpg", "boats, cars, bicycles, trains"],
]
HEADER = ["label", "score", "cosine", "logit", "picture"]
ABOUT = """Type some labels, and a model that was never trained on them says which one describes your picture.
It compares the picture with the sentence “a photo of a *label*” for each label."""
HOW = """The bars are the quantities that decided: the **cosine similarity** of the picture with each label's
sentence, and what the scoring makes of it. The built-in model's similarity is itself a sum, shown below: picture and
label are each described by how much they resemble 1,000 named **anchors**, and an anchor counts where both resemble it."""
MORE = """**Read more:** [CLIP](https://arxiv.org/abs/2103.00020), section 3.1, is zero-shot classification as it is done
here; [SigLIP](https://arxiv.org/abs/2303.15343) scores labels independently; [ASIF](https://arxiv.org/abs/2210.01738) is how
the built-in model joins two encoders without training; the article
[A Dive into Vision-Language Models](https://huggingface.co/blog/vision_language_pretraining), section “Contrastive Learning”."""
OWN_LABELS = (
    "This model was trained on labels of its own, so the typed ones, the templates and the scoring were not read."
)
MEASURED = "Measured: of labels given 30 %, about three in ten are there."
NEVER_MEASURED = """This model was trained to score labels independently (sigmoid), but whether its probabilities are right was
never measured here: read them as a ranking."""
WEIGHED_ALONE = f"This model was never calibrated: each label is weighed against “{zero_shot.NEUTRAL}” alone, so read the numbers as a ranking."


class Outputs(NamedTuple):
    answer: Any  # of one picture the labels with their scores, of many the heat map
    note: Any
    table: Any
    download: Any
    plot: Any
    anchors: Any
    code: Any


def build(lab: Lab) -> None:
    gr.Markdown(ABOUT)
    with gr.Row():
        with gr.Column(min_width=300):
            with gr.Tabs():
                with gr.Tab("One picture") as one:
                    image = PhotoInput(label="Your picture", height=300)
                    run_one = gr.Button("Classify", variant="primary")
                with gr.Tab("Many pictures") as many:
                    files = FileInput(
                        label=f"Your pictures, up to {MAX_PICTURES}", file_count="multiple", file_types=["image"]
                    )
                    run_many = gr.Button("Compare all", variant="primary")
                    two_pets = gr.Button("Try it with a cat and a dog")
            stop = gr.Button("Stop")
            labels = gr.Textbox(PETS, label="Labels", info="One a line, or separated by commas", lines=2)
            options = [labels, *_options(lab)]
            examples = gr.Examples(
                [[str(EXAMPLES_FOLDER / file), text] for file, text in EXAMPLES],
                inputs=[image, labels],
                label="Examples: choose one and it runs",
                cache_examples=False,
            )
        with gr.Column(min_width=300):
            answer = gr.Label(label="Answer", num_top_classes=10)
            heat_map = gr.Plot(label="Every picture against every label", visible=False, show_label=False)
            note = gr.Markdown(label="Note")
            table = gr.Dataframe(label="All scores", headers=HEADER, interactive=False, wrap=True)
            download = gr.DownloadButton("Download as CSV")
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        with gr.Row():
            with gr.Column(min_width=320):
                plot = gr.Plot(label="Similarities before and after the scoring", show_label=False)
            with gr.Column(min_width=320):
                anchor_plot = gr.Plot(label="Matching anchors (built-in model)", show_label=False)
    outputs = Outputs(answer, note, table, download, plot, anchor_plot, code_panel("The same answer with transformers"))
    read_more(MORE)

    private: dict[str, Any] = {"api_visibility": "private"}
    visible, hidden = gr.update(visible=True), gr.update(visible=False)
    one.select(lambda: (visible, hidden), None, [answer, heat_map], queue=False, **private)
    many.select(lambda: (hidden, visible), None, [answer, heat_map], queue=False, **private)
    classify_one = {"fn": bind(lab, classify), "inputs": [image, *options], "outputs": list(outputs), **SHORT}
    compare_all = {
        "fn": bind(lab, classify_many),
        "inputs": [files, *options],
        "outputs": list(outputs._replace(answer=heat_map)),
        **LONG,
    }
    filled = two_pets.click(_two_pets, None, [files, labels], **private)
    events = [
        run_one.click(**classify_one, api_name="classify", scroll_to_output=True),
        examples.load_input_event.then(**classify_one, scroll_to_output=True, **private),
        run_many.click(**compare_all, api_name="classify_many", scroll_to_output=True),
        filled.then(**compare_all, **private),
    ]
    stops(stop, events, note)


def _options(lab: Lab) -> list[gr.Component]:
    with gr.Accordion("Options", open=False):
        template = gr.Textbox(
            zero_shot.TEMPLATE,
            label="Prompt templates",
            info="One a line, {} where the label goes; several are averaged",
            lines=2,
        )
        scorings = [(text, key) for key, text in zero_shot.SCORINGS.items()]
        return [
            template,
            gr.Radio(scorings, value="softmax", label="Scoring"),
            model_picker(lab, zero_shot.TASK.needs),
        ]


def _two_pets() -> tuple[list[str], str]:
    return [str(EXAMPLES_FOLDER / file) for file in TWO_PETS], PETS


def _noted(note: str) -> Outputs:
    return only(Outputs, note=note)


def classify(
    lab: Lab,
    image: PIL.Image.Image | None,
    labels: str,
    template: str = zero_shot.TEMPLATE,
    scoring: str = "softmax",
    model: str = EMBEDDED,
    progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
) -> Iterator[Outputs]:
    """Score one picture against labels it may show. Labels are separated by commas or line breaks;
    the template says how a label becomes a sentence; scoring is softmax, independent or cosine."""
    image = needed(image)
    names, templates = zero_shot.parse_labels(labels), zero_shot.parse_templates(template)
    yield from downloaded(lab, model, progress, _noted)
    step = stepper(progress, "Encoding the picture and the labels")
    result = zero_shot.classify(lab.models, model, [image], names, templates, scoring, step)
    yield Outputs(
        answer=dict(zip(result.labels, result.scores[0], strict=True)),
        note=lines(*result.notes, _trust(result)),
        **_listed(result, [file_name(image)]),
        plot=scores.drawing(result).figure,
        anchors=_anchor_figure(lab, model, image, result, templates),
        code=zero_shot.program(lab.models, model, [file_name(image)], names, templates, scoring),
    )


def classify_many(
    lab: Lab,
    files: list[str] | None,
    labels: str,
    template: str = zero_shot.TEMPLATE,
    scoring: str = "softmax",
    model: str = EMBEDDED,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Score several picture files against labels; the table and the heat map have a row for each."""
    if not files:
        raise UserError("Choose some pictures first.")
    if len(files) > MAX_PICTURES:
        raise UserError(f"That is {len(files)} pictures; at most {MAX_PICTURES} are compared at once.")
    names, templates = zero_shot.parse_labels(labels), zero_shot.parse_templates(template)
    yield from downloaded(lab, model, progress, _noted)
    result = yield from stoppable(
        partial(zero_shot.classify, lab.models, model, files, names, templates, scoring),
        "Encoding the pictures",
        progress,
        _noted,
    )
    called = titles(files)
    notes = [f"{as_text(name)}: {note}" for name, note in zip(called, result.notes, strict=True) if note]
    yield Outputs(
        answer=matrix.drawing(result, called).figure,
        note=lines(*notes, _trust(result)),
        **_listed(result, called),
        plot=matrix.drawing(result, called, before=True).figure,
        anchors=None,
        code=zero_shot.program(lab.models, model, called, names, templates, scoring),
    )


def _trust(result: Classification) -> str:
    """What the scores are worth."""
    if result.own_labels:
        return OWN_LABELS
    if result.scoring != "independent":
        return ""
    return MEASURED if result.calibrated else NEVER_MEASURED if result.sigmoid else WEIGHED_ALONE


def _listed(result: Classification, called: Sequence[str]) -> dict[str, Any]:
    """The table and its file: a row for each picture and label."""
    data = [
        [label, round(score, 5), None if result.own_labels else round(cosine, 5), round(logit, 4), title]
        for title, *columns in zip(called, result.scores, result.similarities, result.logits, strict=True)
        for label, score, cosine, logit in zip(result.labels, *columns, strict=True)
    ]
    return {"table": rows(HEADER, data), "download": write_file("zero-shot.csv", csv_text(HEADER, data))}


def _anchor_figure(lab: Lab, model: str, image: PIL.Image.Image, result: Classification, templates: list[str]) -> Any:
    """For a model with anchors: those behind the best label's similarity."""
    if not issubclass(lab.models.catalog.adapter(model), AnchoredEncoder):
        return None
    best = max(range(len(result.labels)), key=lambda i: result.similarities[0][i])
    picture = lab.models.embed_images(model, [image])[0]
    label = zero_shot.label_vectors(lab.models, model, [result.labels[best]], templates)[0]
    return anchors.drawing(picture, label, lab.models.detail(model, "anchor_names"), result.labels[best]).figure


TAB = Tab("zero_shot", "Zero-shot classification", 20, build)
