"""Zero-shot classification: name the labels, and the model says which of them describes the picture."""

from __future__ import annotations

from typing import Any

import gradio as gr
import PIL.Image

from core.assets import EXAMPLES_FOLDER
from core.data.export import csv_text
from core.errors import UserError
from core.explain import anchors, matrix, scores
from core.models.abilities import AnchoredEncoder, Classifier, DualEncoder
from core.results import Classification
from core.tasks import zero_shot
from tabs._downloads import write_file
from tabs._jobs import DEVICE, fetch_model, stepper
from tabs._lab import Lab, Tab
from tabs._widgets import model_picker, read_more
from web.errors import translate_errors
from web.inputs import PhotoInput, file_name

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
sentence, and what the scoring makes of it. The embedded model's similarity is itself a sum, shown below: picture and
label are each described by how much they resemble 1,000 named **anchors**, and an anchor counts where both resemble it."""
MORE = """**Read more:** [CLIP](https://arxiv.org/abs/2103.00020), section 3.1, is zero-shot classification as it is done
here; [SigLIP](https://arxiv.org/abs/2303.15343) scores each label apart; [ASIF](https://arxiv.org/abs/2210.01738) is how
the embedded model joins two encoders without training; the article
[A Dive into Vision-Language Models](https://huggingface.co/blog/vision_language_pretraining), section “Contrastive Learning”."""


def build(lab: Lab) -> None:
    gr.Markdown(ABOUT)
    with gr.Row():
        with gr.Column(min_width=300):
            with gr.Tabs():
                with gr.Tab("One picture") as one:
                    image = PhotoInput(label="Your picture", height=300)
                    run_one = gr.Button("Classify", variant="primary")
                with gr.Tab("Many pictures") as many:
                    files = gr.File(
                        label=f"Your pictures, up to {MAX_PICTURES}", file_count="multiple", file_types=["image"]
                    )
                    run_many = gr.Button("Compare all", variant="primary")
                    two_pets = gr.Button("Try it with a cat and a dog")
            labels = gr.Textbox(PETS, label="Labels", info="One a line, or separated by commas", lines=2)
            with gr.Accordion("Options", open=False):
                template = gr.Textbox(
                    zero_shot.TEMPLATE,
                    label="Prompt templates",
                    info="One a line, {} where the label goes; several are averaged",
                    lines=2,
                )
                scoring = gr.Radio(
                    [(text, key) for key, text in zero_shot.SCORINGS.items()], value="softmax", label="Scoring"
                )
                model = model_picker(lab, (DualEncoder, Classifier))
            examples = gr.Examples(
                [[str(EXAMPLES_FOLDER / file), text] for file, text in EXAMPLES],
                inputs=[image, labels],
                label="Examples: choose one and it runs",
                cache_examples=False,
            )
        with gr.Column(min_width=300):
            answer = gr.Label(label="Answer", num_top_classes=10)
            heat_map = gr.Plot(label="Every picture against every label", visible=False, show_label=False)
            note = gr.Markdown()
            table = gr.Dataframe(label="All scores", headers=HEADER, interactive=False, wrap=True)
            download = gr.DownloadButton("Download as CSV")
    options = [labels, template, scoring, model]
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        with gr.Row():
            with gr.Column(min_width=320):
                plot = gr.Plot(label="Similarities before and after the scoring", show_label=False)
            with gr.Column(min_width=320):
                anchor_plot = gr.Plot(label="Anchors that fired (embedded model)", show_label=False)
    with gr.Accordion("Show the code", open=False):
        code = gr.Code(label="The same answer with transformers", language="python", interactive=False)
    read_more(MORE)

    @translate_errors
    def classify(
        image: PIL.Image.Image | None,
        labels: str,
        template: str = zero_shot.TEMPLATE,
        scoring: str = "softmax",
        model: str = "embedded",
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
    ) -> tuple[Any, ...]:
        """Score one picture against labels it may show. Labels are separated by commas or line breaks;
        the template says how a label becomes a sentence; scoring is softmax, independent or cosine."""
        if image is None:
            raise UserError("Choose a picture first: upload one, take one, or click an example.")
        names, templates = zero_shot.parse_labels(labels), zero_shot.parse_templates(template)
        fetch_model(lab, model, progress)
        step = stepper(progress, "Looking at the picture and reading the labels")
        result = zero_shot.classify(lab.models, model, [image], names, templates, scoring, step)
        name = file_name(image)
        return (
            dict(zip(result.labels, result.scores[0], strict=True)),
            *_shared(result, [name]),
            scores.figure(result),
            _anchor_figure(lab, model, image, result, templates),
            zero_shot.program(lab.models, model, [name], names, templates, scoring),
        )

    @translate_errors
    def classify_many(
        files: list[str] | None,
        labels: str,
        template: str = zero_shot.TEMPLATE,
        scoring: str = "softmax",
        model: str = "embedded",
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Score several picture files against labels; the table and the heat map have a row for each."""
        if not files:
            raise UserError("Choose some pictures first.")
        if len(files) > MAX_PICTURES:
            raise UserError(f"That is {len(files)} pictures; at most {MAX_PICTURES} are compared at once.")
        names, templates = zero_shot.parse_labels(labels), zero_shot.parse_templates(template)
        fetch_model(lab, model, progress)
        step = stepper(progress, "Looking at the pictures")
        result = zero_shot.classify(lab.models, model, files, names, templates, scoring, step)
        titles = [file.replace("\\", "/").rsplit("/", 1)[-1] for file in files]
        return (
            matrix.figure(result, titles),
            *_shared(result, titles),
            matrix.figure(result, titles, before=True),
            None,
            zero_shot.program(lab.models, model, titles, names, templates, scoring),
        )

    shared = [note, table, download, plot, anchor_plot, code]
    outputs, many_outputs = [answer, *shared], [heat_map, *shared]
    visible, hidden = gr.update(visible=True), gr.update(visible=False)
    one.select(lambda: (visible, hidden), None, [answer, heat_map], queue=False, api_visibility="private")
    many.select(lambda: (hidden, visible), None, [answer, heat_map], queue=False, api_visibility="private")
    run_one.click(classify, [image, *options], outputs, api_name="classify", scroll_to_output=True, **DEVICE)
    run_many.click(
        classify_many, [files, *options], many_outputs, api_name="classify_many", scroll_to_output=True, **DEVICE
    )
    examples.load_input_event.then(
        classify, [image, *options], outputs, api_visibility="private", scroll_to_output=True, **DEVICE
    )
    two_pets.click(
        lambda: ([str(EXAMPLES_FOLDER / file) for file in TWO_PETS], PETS),
        None,
        [files, labels],
        api_visibility="private",
    ).then(classify_many, [files, *options], many_outputs, api_visibility="private", **DEVICE)


def _shared(result: Classification, titles: list[str]) -> tuple[Any, ...]:
    """Note, table and CSV: the same for one picture and for many."""
    note = ""
    if result.own_labels:
        note = "This model was trained on labels of its own, so the typed ones, the templates and the scoring were not read."
    elif result.scoring == "independent":
        note = (
            "Measured: of labels given 30 %, about three in ten are there."
            if result.calibrated
            else "This model was trained to score each label apart. How often its scores are right was not measured."
            if result.sigmoid
            else f"This model was never calibrated: each label is weighed against “{zero_shot.NEUTRAL}” alone, so read the numbers as a ranking."
        )
    frames = [f"`{title.replace('`', '')}`: {one}" for title, one in zip(titles, result.notes, strict=True) if one]
    note = "\n\n".join([*filter(None, [note]), *frames])
    rows = [
        [label, round(score, 5), None if result.own_labels else round(cosine, 5), round(logit, 4), title]
        for title, *columns in zip(titles, result.scores, result.similarities, result.logits, strict=True)
        for label, score, cosine, logit in zip(result.labels, *columns, strict=True)
    ]
    file = write_file("zero-shot.csv", csv_text(HEADER, rows))
    return note, {"headers": HEADER, "data": rows}, file


def _anchor_figure(lab: Lab, model: str, image: PIL.Image.Image, result: Classification, templates: list[str]) -> Any:
    """For a model with anchors: those behind the best label's similarity."""
    if not issubclass(lab.models.catalog.adapter(model), AnchoredEncoder):
        return None
    best = max(range(len(result.labels)), key=lambda i: result.similarities[0][i])
    picture = lab.models.embed_images(model, [image])[0]
    label = zero_shot.label_vectors(lab.models, model, [result.labels[best]], templates)[0]
    return anchors.figure(picture, label, lab.models.detail(model, "anchor_names"), result.labels[best])


TAB = Tab("zero_shot", "Zero-shot classification", 20, build)
