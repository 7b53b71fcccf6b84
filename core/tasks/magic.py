"""MaGiC (Su et al., arXiv 2205.02655): a language model that never saw a picture writes, and at each token an image-text
model says which of the k likeliest words fits the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from core.errors import UserError
from core.models import CAPTIONER, Models
from core.models.base import DualEncoder, LanguageModel
from core.results import Draft, Step
from core.tasks import TASKS, Task

TASK = TASKS.register("magic", Task("magic", "a caption written word by word, guided by the picture", DualEncoder))

SEEN = 60  # of the tokens written, the last ones that the image-text model reads
MAX_K, MAX_LENGTH = 100, 64


@dataclass(frozen=True)
class Rule:
    """Equation 5: argmax over the k likeliest of (1 - alpha) p(v|x) - alpha max cos(h_v, h) + beta softmax(scale * cosine).

    The defaults are those for COCO. `length` counts the tokens with the one that starts; `scale` None is the
    image-text model's own."""

    k: int = 45
    alpha: float = 0.1
    beta: float = 2.0
    length: int = 16
    scale: float | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.k <= MAX_K and 2 <= self.length <= MAX_LENGTH):
            raise UserError(f"Choose k between 1 and {MAX_K}, and at most {MAX_LENGTH} tokens.")
        if not (0 <= self.alpha <= 1 and 0 <= self.beta <= 100):
            raise UserError("Choose alpha between 0 and 1, and beta between 0 and 100.")


def decode(
    models: Models, scorer: str, images: Sequence[Image], rule: Rule, writer: str = CAPTIONER
) -> Iterator[list[Draft]]:
    """The drafts of all pictures after each token, written side by side; each stops at its own end of text."""
    if not images:
        raise UserError("Choose a picture first: upload one, take one, or click an example.")
    _need_writer(models, writer)
    vectors = models.embed_images(scorer, images)
    scale = models.detail(scorer, "scale").scale if rule.scale is None else rule.scale
    end = models.detail(writer, "end")
    drafts = [Draft("", (end,)) for _ in images]
    for _ in range(rule.length - 1):
        open_ones = [i for i, draft in enumerate(drafts) if not draft.ended]
        if not open_ones:
            return
        ids, probabilities, penalties = (
            part.numpy() for part in models.call(writer, "propose", [drafts[i].tokens for i in open_ones], rule.k)
        )
        longer = [[(*drafts[i].tokens, int(token)) for token in ids[row]] for row, i in enumerate(open_ones)]
        texts = _texts(models, writer, [[tokens[1:][-SEEN:] for tokens in group] for group in longer])
        words = _texts(models, writer, [[tokens[-1:] for tokens in group] for group in longer])
        read = models.embed_continuations(scorer, texts)
        for row, i in enumerate(open_ones):
            similarities = read[row] @ vectors[i]
            shares = softmax(scale * similarities)
            scores = (1 - rule.alpha) * probabilities[row] - rule.alpha * penalties[row] + rule.beta * shares
            best = int(scores.argmax())
            step = Step(
                words[row],
                probabilities[row].tolist(),
                penalties[row].tolist(),
                similarities.tolist(),
                shares.tolist(),
                scores.tolist(),
                best,
            )
            tokens = longer[row][best]
            drafts[i] = Draft(texts[row][best], tokens, (*drafts[i].steps, step), tokens[-1] == end)
        yield list(drafts)


def caption(models: Models, scorer: str, images: Sequence[Image], rule: Rule, writer: str = CAPTIONER) -> list[Draft]:
    """The finished drafts."""
    return list(decode(models, scorer, images, rule, writer))[-1]


def _texts(models: Models, writer: str, groups: list[list[tuple[int, ...]]]) -> list[list[str]]:
    """In one call for all groups."""
    flat = iter(models.call(writer, "decode", [tokens for group in groups for tokens in group]))
    return [[next(flat) for _ in group] for group in groups]


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()  # type: ignore[no-any-return]


def _need_writer(models: Models, writer: str) -> None:
    if not issubclass(models.adapter(writer), LanguageModel):
        raise UserError(f"{writer} is no language model. Choose another to write with.")
