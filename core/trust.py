# SPDX-License-Identifier: Apache-2.0

"""How far to trust an answer, in a sentence: made of measured figures, each with its interval, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.figures import part
from core.measured import Measured

CALIBRATED = 0.10  # the largest calibration error with which a percentage may be read as a chance of being right
FEWEST = 20  # answers of one confidence, for a sentence about them


@dataclass(frozen=True)
class Known:
    """One figure, on which data (in words for people) and when (ISO 8601) it was measured; `before` is the same figure before a
    run trained the model."""

    figure: str  # "part.name"
    measured: Measured
    data: str
    date: str
    before: float | None = None

    @property
    def is_guess(self) -> bool:
        """Whether the interval does not lie above what the best guess without a picture gets."""
        return self.measured.prior is not None and not self.measured.beats_prior


UNMEASURED = "Not measured here."
OTHER_PICTURES = "The built-in model was fitted on the pictures that come with the lab, so its own figures are of other photographs: compare them with care."
# {value}, {low}, {high} and {prior} are of 100; {score} and those with it are plain numbers of two decimals. {guess}, {before} and
# {one_for_all} are the clauses below, or nothing.
SENTENCES: Mapping[str, str] = {
    "right": "{subject}: right {value} of 100 times on {data} ({low} to {high}){before}{guess}.",
    "guess": "{subject}: no better than a guess. Right {value} of 100 times on {data} ({low} to {high}){before}{guess}.",
    "worse": "{subject}: worse than a guess. Right {value} of 100 times on {data} ({low} to {high}){before}{guess}.",
    "noticed": "{subject}, that is noticed {value} of 100 times on {data} ({low} to {high}).",
    "recall": "{subject} is {place} {value} of 100 times on {data} ({low} to {high}){before}; by chance, {prior}.",
    "recall guess": "{subject} is {place} no more often than by chance: {value} of 100 times on {data} ({low} to {high}){before}; by chance, {prior}.",
    "area": "{subject} it paints {value} of 100 parts on average, on {data} ({low} to {high}).",
    "mIoU": "Of what its mask and the right one cover together, they share {value} of 100 parts on average, on {data} ({low} to {high}){before}.",
    "mAP": "Pictures that show what a label names come before others: mean average precision {score} on {data} ({score_low} to {score_high}); by chance, {score_prior}.",
    "mAP guess": "Pictures that show what a label names come before others no more than by chance: mean average precision {score} on {data} ({score_low} to {score_high}); by chance, {score_prior}.",
    "CIDEr": "Against captions that people wrote: CIDEr {score} on {data} ({score_low} to {score_high}){one_for_all}.",
    "CIDEr guess": "No better than one sentence for all pictures. Against captions that people wrote: CIDEr {score} on {data} ({score_low} to {score_high}){one_for_all}.",
    "ECE": "Its percentages miss how often it is right by {value} of 100 on average, on {data}.",
    "right at": "Of answers given {span} %, {value} of 100 are right, on {data} ({low} to {high}).",
    "there at": "Of labels given {span} %, {value} of 100 are in the picture, on {data} ({low} to {high}), where nearly every label asked about is absent.",
    "score": "{subject}: {score} on {data} ({score_low} to {score_high}){score_before}.",
}
CLAUSES: Mapping[str, str] = {
    "guess": "; a guess without looking, {prior}",
    "before": "; before training, {value_before}",
    "score_before": "; before training, {score_before}",
    "one_for_all": "; one sentence for all pictures, {score_prior}",
}
NOT_CALIBRATED = (
    "Its percentages compare answers with each other; they do not say how often it is right (measured on {data})."
)
PLACES: Mapping[str, str] = {"R@1": "first", "R@5": "among the first five", "R@10": "among the first ten"}
SUBJECTS: Mapping[str, tuple[str, str]] = {  # of a figure or of a whole part: what it is about, and its sentence
    **{
        f"vqa.{kind}": ("Questions like this one", "right")
        for kind in ("existence", "counting", "identity", "colour", "position")
    },
    "vqa.counting.roughly": ("Whether there is one or several of a thing", "right"),
    "choice.top1": ("Where one of four labels is in the picture", "right"),
    "presence.none_caught": ("Where none of four labels is in the picture", "noticed"),
    "presence.pairs": ("Which of two things, one alone or both, a picture shows", "right"),
    "presence.mAP": ("", "mAP"),
    "t2i": ("Searching with words, the right picture", "recall"),
    "i2t": ("Searching with a picture, a right caption", "recall"),
    "caption": ("Searching with its captions, the picture that one was written for", "recall"),
    "caption_asif": ("Searching with its captions, the picture that one was written for", "recall"),
    "caption_magic": ("Searching with its captions, the picture that one was written for", "recall"),
    "segmentation.mIoU": ("", "mIoU"),
    "segmentation.mIoU_large": ("", "mIoU"),
    "segmentation.absent_area": ("Of a picture without the thing", "area"),
    "segmentation.present_area": ("Of a picture that shows the thing", "area"),
    "run.accuracy": ("What it was trained for", "right"),
    "run.match accuracy": ("Whether a text fits the picture", "right"),
    "run.R@1": ("Searching with words, the right picture", "recall"),
    "run.R@1 pictures to words": ("Searching with a picture, a right caption", "recall"),
    "run.mean IoU": ("", "mIoU"),
    "run.words in common": ("Words in common with the given caption (F1)", "score"),
}


def sentence(known: Known | None) -> str:
    """One sentence for people; UNMEASURED where nothing is known. A figure whose interval does not lie above a guess is called
    a guess."""
    if known is None:
        return UNMEASURED
    subject, kind = _subject(known.figure)
    return SENTENCES[_graded(kind, known)].format(subject=subject, **_numbers(known))


def confidence_sentence(error: Known | None, near: Known | None) -> str:
    """What a percentage is worth: of `error`, the calibration error, and `near`, how many of the answers of about this
    confidence were right. "" where that was not measured, or of fewer than FEWEST answers."""
    if error is None:
        return ""
    if error.measured.value > CALIBRATED:
        return NOT_CALIBRATED.format(**_numbers(error))
    return sentence(near) if near and near.measured.n >= FEWEST else ""


def _subject(figure: str) -> tuple[str, str]:
    name = figure.partition(".")[2]
    if name.startswith("right at"):
        return "", "there at" if part(figure) == "presence" else "right at"
    if name in ("ECE", "CIDEr"):
        return "", name
    unworded = (name, "score")  # a figure that nobody wrote a sentence for
    return SUBJECTS.get(figure) or (SUBJECTS.get(part(figure), unworded) if name in PLACES else unworded)


def _graded(kind: str, known: Known) -> str:
    """The sentence that says that it is a guess, where it is one."""
    if not known.is_guess:
        return kind
    if kind == "right":
        return "worse" if known.measured.high < (known.measured.prior or 0) else "guess"
    return f"{kind} guess" if f"{kind} guess" in SENTENCES else kind


def _numbers(known: Known) -> dict[str, str]:
    """For the placeholders of SENTENCES."""
    found, name = known.measured, known.figure.partition(".")[2]
    plain = {"value": found.value, "low": found.low, "high": found.high, "prior": found.prior, "before": known.before}
    scores = {f"score_{key}": "" if number is None else f"{number:.2f}" for key, number in plain.items()}
    of_100 = {key: _of_100(number) for key, number in plain.items()}
    numbers = {**scores, **of_100, "score": scores["score_value"], "value_before": of_100["before"]}
    missing = {
        "guess": found.prior is None,
        "one_for_all": found.prior is None,
        "before": known.before is None,
        "score_before": known.before is None,
    }
    clauses = {key: "" if missing[key] else text.format(**numbers) for key, text in CLAUSES.items()}
    place = PLACES.get(name.partition(" ")[0], "")
    return {**numbers, **clauses, "data": known.data.partition(" (")[0], "place": place, "span": _span(name)}


def _of_100(share: float | None) -> str:
    if share is None:
        return ""
    return "fewer than 1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def _span(name: str) -> str:
    """ "60 to 80" of "right at 0.6-0.8"."""
    low, dash, high = name.removeprefix("right at ").partition("-")
    return f"{100 * float(low):.0f} to {100 * float(high):.0f}" if dash and name.startswith("right at ") else ""
