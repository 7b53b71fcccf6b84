# SPDX-License-Identifier: Apache-2.0

"""MaGiC as a short program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.models.family import CAPTIONER, EMBEDDED
from core.models.inference import Models
from core.tasks import asif
from core.tasks._program import headed, image_line

if TYPE_CHECKING:
    from core.tasks import magic


def program(models: Models, scorer: str, writer: str, file: str, rule: magic.Rule) -> str:
    """The shortest program that writes the same tokens, as text, ready to run as its heading says; ""
    where there is none."""
    embeds = EMBEDDED_SIMILAR if scorer == EMBEDDED else ""
    if models.catalog.spec(scorer).family == "clip":
        embeds = CLIP_SIMILAR
    if not embeds:
        return ""
    spec = models.catalog.spec(writer)
    written = "assets/captioner" if writer == CAPTIONER else str(spec.path or spec.id)
    scale = models.detail(scorer, "scale").scale if rule.scale is None else rule.scale
    text = PROGRAM.format(
        image=image_line(file),
        similar=embeds.replace("{scorer}", str(models.catalog.spec(scorer).path or scorer)),
        writer=written,
        k=rule.k,
        alpha=rule.alpha,
        beta=rule.beta,
        scale=round(scale, 4),
        steps=rule.length - 1,
        lab=LAB if rule.recall else "",
        memory=MEMORY.format(recall=rule.recall, sharper=asif.SCORE_POWER) if rule.recall else "",
        mix=MIX if rule.recall else "",
    )
    return headed(text, [file])


EMBEDDED_SIMILAR = """\
from core.assets import EMBEDDED_FOLDER
from core.models.embedded.pair import EmbeddedPair  # EfficientNet-Lite0 and MiniLM, joined by ASIF

pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
similar = lambda texts: pair.embed_texts(texts) @ pair.embed_images([image])[0]"""

CLIP_SIMILAR = """\
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
from PIL import Image, ImageOps
from transformers import AutoTokenizer, GPT2LMHeadModel
{lab}{similar}

{image}
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
