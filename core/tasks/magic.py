"""MaGiC (Su et al., arXiv 2205.02655): a language model that never saw a picture writes, and at each token an image-text
model says which of the k likeliest words fits the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from core import bank
from core.errors import UserError
from core.models import CAPTIONER, EMBEDDED, Models
from core.models.base import DualEncoder, LanguageModel
from core.results import Draft, Step
from core.tasks import TASKS, Task, asif
from core.tasks._recall import Recalled

TASK = TASKS.register("magic", Task("magic", "a caption written word by word, guided by the picture", DualEncoder))

SEEN = 60  # of the tokens written, the last ones that the image-text model reads
MAX_K, MAX_LENGTH = 100, 64


@dataclass(frozen=True)
class Rule:
    """Equation 5: argmax over the k likeliest of (1 - alpha) p(v|x) - alpha max cos(h_v, h) + beta softmax(scale * cosine).

    The defaults are those for COCO. `length` counts the tokens with the one that starts; `scale` None is the
    image-text model's own. `recall` is no part of the published rule: p(v|x) is then that share of what the bank's nearest
    captions would say next."""

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
    memories = [_recalled(models, scorer, writer, image) for image in images] if rule.recall else []
    drafts = [Draft("", (end,)) for _ in images]
    for _ in range(rule.length - 1):
        open_ones = [i for i, draft in enumerate(drafts) if not draft.ended]
        if not open_ones:
            return
        rows = [drafts[i].tokens for i in open_ones]
        recalled = [memories[i].after(drafts[i].tokens) for i in open_ones] if memories else []
        proposed = models.call(writer, "propose", rows, rule.k, recalled, rule.recall)
        ids, probabilities, penalties = (part.numpy() for part in proposed)
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


def _recalled(models: Models, scorer: str, writer: str, image: Image) -> Recalled:
    """What the captions of the shipped bank that come nearest to the picture would say."""
    near = asif.nearest(models, image, bank.shipped(), name=scorer)
    end = models.detail(writer, "end")
    rows = [[end, *row, end] for row in models.call(writer, "encode", near.captions)]
    return Recalled(rows, (near.scores**asif.SHARPER).tolist())


def program(models: Models, scorer: str, writer: str, file: str, rule: Rule) -> str:
    """The shortest program on `transformers` that writes the same tokens, as text; "" where there is none."""
    eyes = EMBEDDED_EYES if scorer == EMBEDDED else CLIP_EYES if models.spec(scorer).family == "clip" else ""
    if not eyes or rule.recall:
        return ""
    spec = models.spec(writer)
    written = "assets/captioner" if writer == CAPTIONER else str(spec.path or spec.id)
    scale = models.detail(scorer, "scale").scale if rule.scale is None else rule.scale
    return PROGRAM.format(
        file=repr(file),
        eyes=eyes.replace("{scorer}", str(models.spec(scorer).path or scorer)),
        writer=written,
        k=rule.k,
        alpha=rule.alpha,
        beta=rule.beta,
        scale=round(scale, 4),
        steps=rule.length - 1,
    )


EMBEDDED_EYES = """\
from core.models.embedded import ASSETS, EmbeddedPair  # EfficientNet-Lite0 and MiniLM, joined by ASIF

pair = EmbeddedPair.load(ASSETS, torch.device("cpu"), torch.float32)
similar = lambda texts: pair.embed_texts(texts) @ pair.embed_images([image])[0]"""

CLIP_EYES = """\
from transformers import CLIPModel, CLIPProcessor

clip, processor = CLIPModel.from_pretrained("{scorer}").eval(), CLIPProcessor.from_pretrained("{scorer}")


def similar(texts):
    inputs = processor(text=texts, images=image, padding=True, truncation=True, return_tensors="pt")
    outputs = clip(**inputs)
    return outputs.text_embeds @ outputs.image_embeds[0]"""

PROGRAM = """\
import torch
from PIL import Image
from transformers import AutoTokenizer, GPT2LMHeadModel
{eyes}

image = Image.open({file}).convert("RGB")
writer, tokenizer = GPT2LMHeadModel.from_pretrained("{writer}").float().eval(), AutoTokenizer.from_pretrained("{writer}")
k, alpha, beta, scale = {k}, {alpha}, {beta}, {scale}
unit = torch.nn.functional.normalize
row = [writer.config.eos_token_id]
with torch.inference_mode():
    for _ in range({steps}):
        seen = writer(torch.tensor([row]), attention_mask=torch.ones(1, len(row)), output_hidden_states=True)
        probabilities, tokens = seen.logits[0, -1].softmax(-1).topk(k)
        rows = torch.tensor([[*row, token] for token in tokens])
        states = unit(writer(rows, output_hidden_states=True).hidden_states[-1], dim=-1)
        penalties = (states[:, -1:] @ states[:, :-1].transpose(1, 2)).amax((1, 2))
        texts = [" ".join(text.split()) for text in tokenizer.batch_decode(rows[:, 1:], skip_special_tokens=True)]
        picture = (scale * similar(texts)).softmax(0)
        best = ((1 - alpha) * probabilities - alpha * penalties + beta * picture).argmax()
        row.append(int(tokens[best]))
        if row[-1] == row[0]:
            break
print(texts[best])
"""


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()  # type: ignore[no-any-return]


def _need_writer(models: Models, writer: str) -> None:
    if not issubclass(models.adapter(writer), LanguageModel):
        raise UserError(f"{writer} is no language model. Choose another to write with.")
