# SPDX-License-Identifier: Apache-2.0

"""How much faster than the released algorithm? Prints a table; `--json FILE` writes the figures.

    python -m benchmarks.speed

MaGiC as it was released (Su et al., 2022): at each step the language model's cache is copied k times, the vocabulary's head runs on
all k, every candidate is decoded, tokenised and read by CLIP from its first word, and nothing stops at the end of the text. Written
plainly below, and run beside ours on the same models, with the same tokens: GPT-2 117M and CLIP ViT-B/32 in shape, random in
weights, so that it needs no network. Random weights hardly ever end a caption, so what stopping saves is not in the ratio.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that `python benchmarks/speed.py` works too

from core.engine import Engine
from core.models.family import CAPTIONER, EMBEDDED
from core.models.inference import Models
from core.settings import Settings
from core.tasks import magic

SCORER, WRITER = "openai/clip-vit-base-patch32", "cambridgeltl/magic_mscoco"
END, START = "<|endoftext|>", "<|startoftext|>"


class InMemory(Models):
    """Models whose two published checkpoints are random ones of the same shapes, or smaller by `shrink`."""

    def __init__(self, engine: Engine, shrink: int = 1) -> None:
        super().__init__(engine)
        made = {SCORER: random_clip(shrink), WRITER: random_gpt2(shrink)}
        load = self.catalog.loader
        self.catalog.loader = lambda name: (lambda device, dtype: made[name]) if name in made else load(name)


def random_gpt2(shrink: int) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from core.models.families.gpt2 import GPT2

    torch.manual_seed(0)
    words = 50_256 // shrink
    config = GPT2Config(
        vocab_size=words + 1, n_embd=768 // shrink, n_layer=12 // shrink, bos_token_id=words, eos_token_id=words
    )
    tokenizer = words_tokenizer({**{f"w{i}": i for i in range(words)}, END: words}, unk_token=END, eos_token=END)
    return GPT2(GPT2LMHeadModel(config).eval(), tokenizer)


def random_clip(shrink: int) -> Any:
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    from core.models.families.clip import CLIP

    torch.manual_seed(1)
    words = 49_406 // shrink
    tower = {"num_hidden_layers": 12 // shrink}
    text = {"vocab_size": words + 2, "hidden_size": 512 // shrink, "intermediate_size": 2048 // shrink}
    config = CLIPConfig(
        text_config={**tower, **text, "eos_token_id": words + 1, "bos_token_id": words, "pad_token_id": 1},
        vision_config={**tower, "hidden_size": 768 // shrink, "intermediate_size": 3072 // shrink, "patch_size": 32},
    )
    vocabulary = {**{f"w{i}": i for i in range(words)}, START: words, END: words + 1}
    tokenizer = words_tokenizer(vocabulary, unk_token="w0", pad_token="w1", model_max_length=77)
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, words), (END, words + 1)]
    )
    pictures = CLIPImageProcessorPil()
    processor = lambda images, return_tensors: pictures(images=images, return_tensors=return_tensors)  # noqa: E731
    processor.tokenizer = tokenizer  # type: ignore[attr-defined]
    return CLIP(CLIPModel(config).eval(), processor)


def words_tokenizer(vocabulary: dict[str, int], **options: Any) -> Any:
    """One token a word, so that both models read as many as the published ones do: about one for each word piece."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=options["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)


def released(writer: Any, scorer: Any, image: Image.Image, rule: magic.Rule) -> tuple[int, ...]:
    """The released algorithm for one picture."""
    import torch
    from transformers import DynamicCache

    unit = torch.nn.functional.normalize
    picture = scorer.embed_images([image])[0]
    scale = scorer.scale().scale
    row, end = [writer.end()], writer.end()
    output = writer.model(torch.tensor([row]), use_cache=True, output_hidden_states=True)
    cache, seen, logits = output.past_key_values, output.hidden_states[-1], output.logits[:, -1]
    for _ in range(rule.length - 1):
        probabilities, ids = logits.softmax(-1).topk(rule.k)
        copies = DynamicCache()
        for number, layer in enumerate(cache.layers):
            copies.update(layer.keys.repeat_interleave(rule.k, 0), layer.values.repeat_interleave(rule.k, 0), number)
        output = writer.model(ids.view(-1, 1), past_key_values=copies, use_cache=True, output_hidden_states=True)
        after = output.hidden_states[-1]
        penalties = (unit(after, dim=-1) @ unit(seen, dim=-1).transpose(1, 2)).amax(-1)[:, 0]
        texts = writer.decode([[*row[1:], token][-magic.SEEN :] for token in ids[0].tolist()])
        inputs = scorer.processor.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        states = scorer.model.text_model(inputs["input_ids"], attention_mask=inputs["attention_mask"])
        cosines = unit(scorer.model.text_projection(states.pooler_output), dim=-1) @ picture
        shares = (scale * cosines).softmax(0)
        scores = (1 - rule.alpha) * probabilities[0] - rule.alpha * penalties + rule.beta * shares
        best = int(scores.argmax())
        row.append(int(ids[0, best]))
        for layer in copies.layers:
            layer.keys, layer.values = layer.keys[best : best + 1], layer.values[best : best + 1]
        cache, seen, logits = copies, torch.cat([seen, after[best : best + 1]], 1), output.logits[best : best + 1, -1]
    return tuple(row[: row.index(end, 1) + 1]) if end in row[1:] else tuple(row)


def magic_ratio(pictures: int, shrink: int = 1) -> dict[str, float]:
    """Seconds a picture by the released algorithm and by ours, alone and side by side, and the ratios."""
    import torch

    models = InMemory(Engine(Settings(cache_mb=0)), shrink)
    noise = np.random.default_rng(0)
    images = [Image.fromarray(noise.integers(0, 255, (224, 224, 3), dtype=np.uint8)) for _ in range(pictures)]
    rule = magic.Rule()
    with torch.inference_mode():
        released(models.made[WRITER], models.made[SCORER], images[0], magic.Rule(length=3))  # warm up
        start = time.perf_counter()
        expected = [released(models.made[WRITER], models.made[SCORER], image, rule) for image in images]
        plain = (time.perf_counter() - start) / pictures
    start = time.perf_counter()
    alone = [magic.caption(models, SCORER, [image], rule, WRITER)[0].tokens for image in images]
    one = (time.perf_counter() - start) / pictures
    start = time.perf_counter()
    together = [draft.tokens for draft in magic.caption(models, SCORER, images, rule, WRITER)]
    many = (time.perf_counter() - start) / pictures
    if not expected == alone == together:
        raise SystemExit("The tokens differ: the ratio would compare different work.")
    return {"released s": plain, "ours s": one, "batch s": many, "ratio": plain / one, "batch ratio": plain / many}


def embedded_rate(pictures: int) -> dict[str, float]:
    """Captions a second by the embedded pair, as published and by default, after a first one."""
    from core.data.bundled import bundled

    models = Models(Engine(Settings(cache_mb=0)))
    images = [Image.open(item.path).convert("RGB") for item in bundled().items[: pictures + 1]]
    rates = {}
    for variant, rule in magic.VARIANTS.items():
        magic.caption(models, EMBEDDED, images[:1], rule, CAPTIONER)
        start = time.perf_counter()
        magic.caption(models, EMBEDDED, images[1:], rule, CAPTIONER)
        rates[f"{variant} captions/s"] = pictures / (time.perf_counter() - start)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    figures = {"magic": magic_ratio(args.pictures), "magic embedded": embedded_rate(args.pictures)}
    for part, values in figures.items():
        print(f"{part:16s}" + "".join(f"  {key} {value:.2f}" for key, value in values.items()))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
