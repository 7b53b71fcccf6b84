# SPDX-License-Identifier: Apache-2.0

"""MaGiC (Su et al., arXiv 2205.02655): a language model that never saw a picture writes, and at each token an image-text
model says which of the k likeliest words fits the picture."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image
from scipy.special import softmax

from core.data import bank
from core.errors import UserError, check_stop
from core.models.abilities import DualEncoder
from core.models.family import CAPTIONER
from core.models.inference import Models
from core.models.language_model import LanguageModel, Proposal
from core.results import Draft, Step
from core.tasks import TASKS, Task, asif
from core.tasks._magic_program import program as program
from core.tasks._recall import Recalled

TASK = TASKS.register("magic", Task("magic", "a caption written word by word, guided by the picture", DualEncoder))

READ = 60  # of the tokens written, the last ones that the image-text model reads
MAX_K, MAX_LENGTH, MAX_SCALE = 100, 64, 200
CANDIDATES = 100  # that are weighed at once, the k of one picture at least; 0.3 s on one core with the built-in models


@dataclass(frozen=True)
class Rule:
    """Equation 5: argmax over the k likeliest of (1 - alpha) p(v|x) - alpha max cos(h_v, h) + beta softmax(scale * cosine).

    The defaults are those for COCO. `length` counts the tokens with the one that starts; `scale` None is the
    image-text model's own. `recall` is no part of the published rule: p(v|x) is then (1 - recall) times the language model's
    and recall times what the captions of the shipped bank that ASIF finds nearest to the picture would say next."""

    k: int = 45
    alpha: float = 0.1
    beta: float = 2.0
    length: int = 16
    scale: float | None = None
    recall: float = 0.0

    def __post_init__(self) -> None:
        if not (1 <= self.k <= MAX_K and 2 <= self.length <= MAX_LENGTH):
            raise UserError(f"Choose k between 1 and {MAX_K}, and at most {MAX_LENGTH} tokens.")
        if not (0 <= self.alpha <= 1 and 0 <= self.beta <= 100 and 0 <= self.recall <= 1):
            raise UserError("Choose alpha and recall between 0 and 1, and beta between 0 and 100.")
        if self.scale is not None and not 0 < self.scale <= MAX_SCALE:
            raise UserError(f"Choose a sharpness above 0 and up to {MAX_SCALE}, or leave the model's own.")


PUBLISHED, RECALLED, BLIND = "published", "recalled", "blind"
VARIANTS = {
    RECALLED: Rule(k=10, beta=0.5, scale=60, recall=0.8),  # chosen on the demo gallery
    PUBLISHED: Rule(),
    BLIND: Rule(beta=0),  # contrastive search, which never looks: what the language model brings by itself
}


def decode(
    models: Models,
    scorer: str,
    images: Sequence[Image],
    rule: Rule,
    writer: str = CAPTIONER,
    stop: threading.Event | None = None,
) -> Iterator[list[Draft]]:
    """The drafts of all pictures after each token, written side by side; each stops at its own end of text.

    The device is free between tokens, and between parts of a token: the pictures' candidates are weighed CANDIDATES at a
    time. Raises UserError without a picture or a language model, and Stopped once `stop` is set: between parts, and between
    what the language model and what the image-text model do of one."""
    if not images:
        raise UserError("Choose a picture first: upload one, take one, or click an example.")
    _need_writer(models, writer)
    vectors = models.embed_images(scorer, images, None, stop)
    scale = models.detail(scorer, "scale").scale if rule.scale is None else rule.scale
    end = models.detail(writer, "end")
    memories = [_recalled(models, writer, image, stop) for image in images] if rule.recall else []
    drafts = [Draft("", (end,)) for _ in images]
    together = max(1, CANDIDATES // rule.k)
    parts = [range(start, min(start + together, len(images))) for start in range(0, len(images), together)]
    for _ in range(rule.length - 1):
        if all(draft.ended for draft in drafts):
            return
        for part in parts:
            check_stop(stop)
            unfinished = [i for i in part if not drafts[i].ended]
            if unfinished:
                recalled = [memories[i].after(drafts[i].tokens) for i in unfinished] if memories else []
                proposed = models.call(
                    writer, "propose", [drafts[i].tokens for i in unfinished], rule.k, recalled, rule.recall
                )
                own = [drafts[i] for i in unfinished]
                longer = _lengthened(models, scorer, writer, own, proposed, vectors[unfinished], rule, scale, end, stop)
                for i, draft in zip(unfinished, longer, strict=True):
                    drafts[i] = draft
        yield list(drafts)


def _lengthened(
    models: Models,
    scorer: str,
    writer: str,
    drafts: Sequence[Draft],
    proposed: Proposal,
    pictures: np.ndarray,
    rule: Rule,
    scale: float,
    end: int,
    stop: threading.Event | None,
) -> list[Draft]:
    """Each draft with the token more that the rule chooses among those proposed for it; `pictures` [drafts, d]. Raises
    Stopped before the image-text model reads the candidates."""
    longer = [
        [(*draft.tokens, token) for token in ids] for draft, ids in zip(drafts, proposed.ids.tolist(), strict=True)
    ]
    texts = _texts(models, writer, [[tokens[1:][-READ:] for tokens in group] for group in longer])
    words = _texts(models, writer, _singles(proposed))
    check_stop(stop)
    embedded = models.embed_continuations(scorer, texts, stop)
    found = []
    for row, draft in enumerate(drafts):
        step = weigh(proposed, row, words[row], embedded[row] @ pictures[row], rule, scale)
        tokens = longer[row][step.chosen]
        found.append(Draft(texts[row][step.chosen], tokens, (*draft.steps, step), tokens[-1] == end))
    return found


def weigh(proposed: Proposal, row: int, words: list[str], similarities: np.ndarray, rule: Rule, scale: float) -> Step:
    """The rule for one row of the proposal. `words` are its k candidates, and what the language model alone would say."""
    probabilities, penalties = proposed.probabilities[row].numpy(), proposed.penalties[row].numpy()
    shares = softmax(scale * similarities)
    scores = (1 - rule.alpha) * probabilities - rule.alpha * penalties + rule.beta * shares
    return Step(
        candidates=words[:-1],
        probabilities=probabilities.tolist(),
        recalled=proposed.recalled[row].tolist(),
        penalties=penalties.tolist(),
        similarities=similarities.tolist(),
        shares=shares.tolist(),
        scores=scores.tolist(),
        chosen=int(scores.argmax()),
        alone=words[-1],
        alone_probability=float(proposed.alone_probabilities[row]),
    )


def caption(
    models: Models,
    scorer: str,
    images: Sequence[Image],
    rule: Rule,
    writer: str = CAPTIONER,
    stop: threading.Event | None = None,
) -> list[Draft]:
    """The finished drafts."""
    return list(decode(models, scorer, images, rule, writer, stop))[-1]


def _texts(models: Models, writer: str, groups: list[list[tuple[int, ...]]]) -> list[list[str]]:
    """In one call for all groups."""
    flat = iter(models.call(writer, "decode", [tokens for group in groups for tokens in group]))
    return [[next(flat) for _ in group] for group in groups]


def _singles(proposed: Proposal) -> list[list[tuple[int, ...]]]:
    """Each row's candidates and then the language model's own choice, as texts of one token."""
    rows = zip(proposed.ids.tolist(), proposed.alone.tolist(), strict=True)
    return [[(token,) for token in (*ids, alone)] for ids, alone in rows]


def _recalled(models: Models, writer: str, image: Image, stop: threading.Event | None = None) -> Recalled:
    """Found by the embedded model's anchors, whichever model compares picture and text otherwise."""
    near = asif.nearest(models, image, bank.shipped(), stop=stop)
    end = models.detail(writer, "end")
    rows = [[end, *row, end] for row in models.call(writer, "encode", near.captions)]
    return Recalled(rows, (near.scores**asif.SCORE_POWER).tolist())


def _need_writer(models: Models, writer: str) -> None:
    if not issubclass(models.catalog.adapter(writer), LanguageModel):
        raise UserError(f"{writer} is no language model. Choose another to write with.")
