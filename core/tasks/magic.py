"""MaGiC (Su et al., arXiv 2205.02655): a language model that never saw a picture writes, and at each token an image-text
model says which of the k likeliest words fits the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from core.data import bank
from core.errors import UserError
from core.models.abilities import DualEncoder, LanguageModel, Proposal
from core.models.family import CAPTIONER, EMBEDDED
from core.models.inference import Models
from core.results import Draft, Step
from core.tasks import TASKS, Task, asif
from core.tasks._recall import Recalled

TASK = TASKS.register("magic", Task("magic", "a caption written word by word, guided by the picture", DualEncoder))

SEEN = 60  # of the tokens written, the last ones that the image-text model reads
MAX_K, MAX_LENGTH, MAX_SCALE = 100, 64, 200


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
    models: Models, scorer: str, images: Sequence[Image], rule: Rule, writer: str = CAPTIONER
) -> Iterator[list[Draft]]:
    """The drafts of all pictures after each token, written side by side; each stops at its own end of text."""
    if not images:
        raise UserError("Choose a picture first: upload one, take one, or click an example.")
    _need_writer(models, writer)
    vectors = models.embed_images(scorer, images)
    scale = models.detail(scorer, "scale").scale if rule.scale is None else rule.scale
    end = models.detail(writer, "end")
    memories = [_recalled(models, writer, image) for image in images] if rule.recall else []
    drafts = [Draft("", (end,)) for _ in images]
    for _ in range(rule.length - 1):
        open_ones = [i for i, draft in enumerate(drafts) if not draft.ended]
        if not open_ones:
            return
        rows = [drafts[i].tokens for i in open_ones]
        recalled = [memories[i].after(drafts[i].tokens) for i in open_ones] if memories else []
        proposed = models.call(writer, "propose", rows, rule.k, recalled, rule.recall)
        longer = [
            [(*drafts[i].tokens, token) for token in proposed.ids[row].tolist()] for row, i in enumerate(open_ones)
        ]
        texts = _texts(models, writer, [[tokens[1:][-SEEN:] for tokens in group] for group in longer])
        words = _texts(models, writer, _singles(proposed))
        read = models.embed_continuations(scorer, texts)
        for row, i in enumerate(open_ones):
            step = weigh(proposed, row, words[row], read[row] @ vectors[i], rule, scale)
            tokens = longer[row][step.chosen]
            drafts[i] = Draft(texts[row][step.chosen], tokens, (*drafts[i].steps, step), tokens[-1] == end)
        yield list(drafts)


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


def caption(models: Models, scorer: str, images: Sequence[Image], rule: Rule, writer: str = CAPTIONER) -> list[Draft]:
    """The finished drafts."""
    return list(decode(models, scorer, images, rule, writer))[-1]


def _texts(models: Models, writer: str, groups: list[list[tuple[int, ...]]]) -> list[list[str]]:
    """In one call for all groups."""
    flat = iter(models.call(writer, "decode", [tokens for group in groups for tokens in group]))
    return [[next(flat) for _ in group] for group in groups]


def _singles(proposed: Proposal) -> list[list[tuple[int, ...]]]:
    """Each row's candidates and then the language model's own choice, as texts of one token."""
    rows = zip(proposed.ids.tolist(), proposed.alone.tolist(), strict=True)
    return [[(token,) for token in (*ids, alone)] for ids, alone in rows]


def _recalled(models: Models, writer: str, image: Image) -> Recalled:
    """Found by the embedded model's anchors, whichever model looks at the picture otherwise."""
    near = asif.nearest(models, image, bank.shipped())
    end = models.detail(writer, "end")
    rows = [[end, *row, end] for row in models.call(writer, "encode", near.captions)]
    return Recalled(rows, (near.scores**asif.SHARPER).tolist())


def program(models: Models, scorer: str, writer: str, file: str, rule: Rule) -> str:
    """The shortest program on `transformers` that writes the same tokens, as text; "" where there is none."""
    eyes = EMBEDDED_EYES if scorer == EMBEDDED else CLIP_EYES if models.catalog.spec(scorer).family == "clip" else ""
    if not eyes:
        return ""
    spec = models.catalog.spec(writer)
    written = "assets/captioner" if writer == CAPTIONER else str(spec.path or spec.id)
    scale = models.detail(scorer, "scale").scale if rule.scale is None else rule.scale
    return PROGRAM.format(
        file=repr(file),
        eyes=eyes.replace("{scorer}", str(models.catalog.spec(scorer).path or scorer)),
        writer=written,
        k=rule.k,
        alpha=rule.alpha,
        beta=rule.beta,
        scale=round(scale, 4),
        steps=rule.length - 1,
        lab=LAB if rule.recall else "",
        memory=MEMORY.format(recall=rule.recall, sharper=asif.SHARPER) if rule.recall else "",
        mix=MIX if rule.recall else "",
    )


EMBEDDED_EYES = """\
from core.assets import EMBEDDED_FOLDER
from core.models.embedded.pair import EmbeddedPair  # EfficientNet-Lite0 and MiniLM, joined by ASIF

pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
similar = lambda texts: pair.embed_texts(texts) @ pair.embed_images([image])[0]"""

CLIP_EYES = """\
from transformers import CLIPModel, CLIPProcessor

clip, processor = CLIPModel.from_pretrained("{scorer}").eval(), CLIPProcessor.from_pretrained("{scorer}")


def similar(texts):
    inputs = processor(text=texts, images=image, padding=True, truncation=True, return_tensors="pt")
    outputs = clip(**inputs)
    return outputs.text_embeds @ outputs.image_embeds[0]"""

LAB = """
from core.data import bank
from core.engine import Engine
from core.models.inference import Models
from core.settings import Settings
from core.tasks import asif
from core.tasks._recall import Recalled
"""

MEMORY = """\
end, recall = row[0], {recall}
near = asif.nearest(Models(Engine(Settings())), image, bank.shipped())  # 300 captions, by their anchors
sentences = [[end, *tokenizer(caption)["input_ids"], end] for caption in near.captions]
memory = Recalled(sentences, (near.scores**{sharper}).tolist())
"""

MIX = """\
        known = memory.after(row)
        whole *= 1 - recall
        whole[list(known)] += recall * torch.tensor(list(known.values()))
"""

PROGRAM = """\
import torch
from PIL import Image
from transformers import AutoTokenizer, GPT2LMHeadModel
{lab}{eyes}

image = Image.open({file}).convert("RGB")
writer, tokenizer = GPT2LMHeadModel.from_pretrained("{writer}").float().eval(), AutoTokenizer.from_pretrained("{writer}")
k, alpha, beta, scale = {k}, {alpha}, {beta}, {scale}
unit = torch.nn.functional.normalize
row = [writer.config.eos_token_id]
{memory}with torch.inference_mode():
    for _ in range({steps}):
        whole = writer(torch.tensor([row]), attention_mask=torch.ones(1, len(row))).logits[0, -1].softmax(-1)
{mix}        probabilities, tokens = whole.topk(k)
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
    if not issubclass(models.catalog.adapter(writer), LanguageModel):
        raise UserError(f"{writer} is no language model. Choose another to write with.")
