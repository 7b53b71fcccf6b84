# SPDX-License-Identifier: Apache-2.0

"""What is known of how good a model is: by the files beside the built-in one, by what was measured here, or by its own run."""

from __future__ import annotations

from core.assets import CAPTIONER_FOLDER, EMBEDDED_FOLDER, SEGMENTATION_FOLDER, VQA_FOLDER
from core.figures import FILE, Figures, part, read, right_at
from core.models.embedded.answers.kind import parse
from core.models.family import CAPTIONER, EMBEDDED
from core.models.inference import Models
from core.models.run_figures import run_figures, run_of
from core.trust import Known

SHIPPED = {  # where benchmarks/quality.py writes each part of the built-in model
    "presence": EMBEDDED_FOLDER,
    "choice": EMBEDDED_FOLDER,
    "t2i": EMBEDDED_FOLDER,
    "i2t": EMBEDDED_FOLDER,
    "vqa": VQA_FOLDER,
    "segmentation": SEGMENTATION_FOLDER,
    "caption_asif": CAPTIONER_FOLDER,
    "caption_magic": CAPTIONER_FOLDER,
}
QUESTIONS = {"count": "counting"}  # kinds of question whose figure has another name
CONFIDENCE = "ECE"


def look_up(models: Models, model: str, figure: str) -> Known | None:
    """What is known of `figure`, "part.name" as "vqa.existence"; None where it was not measured.

    Of a model that a run trained it may be the run's own figure of the same part, on its held-out examples, under its own name:
    "run.accuracy" for "vqa.identity". Raises UserError for a model that there is not.
    """
    if model in (EMBEDDED, CAPTIONER):
        folder = SHIPPED.get(part(figure))
        return _of(read(folder / FILE), figure) if folder else None
    for figures in models.figures.of(identity(models, model)):
        if found := _of(figures, figure):
            return found
    run = run_of(models.catalog.spec(model))
    return run_figures(run, figure) if run else None


def look_up_confidence(models: Models, model: str, part: str, confidence: float) -> tuple[Known | None, Known | None]:
    """The calibration error of the confidences of `part`, and how many answers of about this one, 0..1, were right: for
    `core.trust.confidence_sentence`."""
    return look_up(models, model, f"{part}.{CONFIDENCE}"), look_up(models, model, f"{part}.{right_at(confidence)}")


def figure_of(question: str) -> str:
    """The figure that says how good answers to questions of this kind are; kinds are those of the built-in model."""
    kind = parse(question).kind
    return f"vqa.{QUESTIONS.get(kind, kind)}"


def identity(models: Models, model: str) -> str:
    """Names the weights and no others: the revision, and of a published one the commit that is on this machine. Raises
    UserError for a model that there is not."""
    path = models.catalog.path(model)
    commit = "" if models.catalog.spec(model).path or path is None else path.name
    return "\0".join((model, models.catalog.revision(model), commit))


def _of(figures: Figures | None, figure: str) -> Known | None:
    if figures is None or figure not in figures.figures:
        return None
    return Known(figure, figures.figures[figure], figures.data, figures.date)
