# SPDX-License-Identifier: Apache-2.0

"""Tiny random checkpoints of the families that answer questions, as in tests/tiny_models.py, and their own answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as T

from core.models.layers.towers import text_folder, views, vision_tower
from tests.core.models.families.tiny_models import (
    BYTES,
    EYE,
    LENGTH,
    PATCH,
    SIDE,
    SPACE,
    SQUARE,
    TOWER,
    bert_tokenizer,
    ids,
    numbered,
    spelled,
)

DEEP = {**TOWER, "num_hidden_layers": 3}
ANSWERS = ["yes", "no", "red", "two", "a cat", "on the beach", "horse"]


def save(folder: Path, model: Any, *others: Any, width: float = 0.3) -> None:
    """With weights and biases drawn so wide that its answers differ from picture to picture and question to question."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            norm = "norm" in name.lower() and name.endswith("weight")  # a scale: it has to stay near one
            weight.normal_(1.0 if norm else 0.0, width, generator=generator)
    model.eval().save_pretrained(folder)
    for other in others:
        other.save_pretrained(folder)


def named(names: list[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: number for number, name in enumerate(names)}}


def vilt(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    config = T.ViltConfig(
        **DEEP, **EYE, **named(ANSWERS), vocab_size=len(tokenizer), max_position_embeddings=LENGTH, hidden_act="gelu"
    )
    images = T.ViltImageProcessorPil(size={"shortest_edge": SIDE}, size_divisor=PATCH)
    save(
        folder,
        T.ViltForQuestionAnswering(config),
        T.ViltProcessor(image_processor=images, tokenizer=tokenizer),
        width=0.5,
    )


def blip_vqa(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    text = {**DEEP, "vocab_size": len(tokenizer) + 2, "encoder_hidden_size": 16, "max_position_embeddings": LENGTH}
    config = T.BlipConfig(
        text_config={**text, "bos_token_id": len(tokenizer), "pad_token_id": 0, "sep_token_id": 3, "eos_token_id": 3},
        vision_config={**DEEP, **EYE},
    )
    processor = T.BlipProcessor(image_processor=T.BlipImageProcessorPil(size=SQUARE), tokenizer=tokenizer)
    save(folder, T.BlipForQuestionAnswering(config), processor, width=0.2)


def git(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    config = T.GitConfig(
        **DEEP,
        vision_config={**DEEP, **EYE},
        vocab_size=len(tokenizer),
        max_position_embeddings=2 * LENGTH,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    images = T.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=SQUARE)
    save(folder, T.GitForCausalLM(config), T.GitProcessor(image_processor=images, tokenizer=tokenizer))


def visual_bert(folder: Path) -> None:
    """Without a tokenizer and without words for its answers, as published; so it needs BERT's 30,522 words."""
    config = T.VisualBertConfig(
        **DEEP,
        vocab_size=30522,
        max_position_embeddings=LENGTH,
        visual_embedding_dim=2048,
        num_labels=7,
        pad_token_id=0,
    )
    save(folder, T.VisualBertForQuestionAnswering(config))


def lxmert(folder: Path) -> None:
    """With nothing but a list of words for its tokenizer, and without any for its answers, as published."""
    words = bert_tokenizer().get_vocab()
    config = T.LxmertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=LENGTH,
        num_qa_labels=7,
        l_layers=2,
        x_layers=2,
        r_layers=2,
    )
    save(folder, T.LxmertForQuestionAnswering(config), width=0.7)
    (folder / "vocab.txt").write_text("\n".join(sorted(words, key=words.get)))


TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)


def smolvlm(folder: Path) -> None:
    """Its pictures are cut into tiles of 32 pixels, each four tokens to the language model."""
    words, merges = spelled(BYTES, before=SPACE)
    tokenizer = T.GPT2Tokenizer(vocab=numbered(["<|endoftext|>", "<|im_start|>", *words]), merges=merges)
    marks = [f"<row_{row + 1}_col_{col + 1}>" for row in range(4) for col in range(4)]
    marks += ["<|im_start|>", "<global-img>", "<fake_token_around_image>", "<image>", "<end_of_utterance>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    images = T.Idefics3ImageProcessorPil(size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE})
    processor = T.Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=TEMPLATE)
    end = tokenizer.convert_tokens_to_ids("<end_of_utterance>")
    config = T.Idefics3Config(
        text_config={**DEEP, **ids(tokenizer, 512), "model_type": "llama", "pad_token_id": 0, "eos_token_id": end},
        vision_config={**DEEP, **EYE},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=0,
        eos_token_id=end,
    )
    model = T.Idefics3ForConditionalGeneration(config)
    model.generation_config.suppress_tokens = [config.image_token_id]  # a trained one never writes it
    save(folder, model, processor, width=0.15)


PUBLISHED_ANSWERERS: dict[str, Callable[[Path], None]] = {
    "dandelin/vilt-b32-finetuned-vqa": vilt,
    "Salesforce/blip-vqa-base": blip_vqa,
    "microsoft/git-base-vqav2": git,
    "uclanlp/visualbert-vqa": visual_bert,
    "unc-nlp/lxmert-vqa-uncased": lxmert,
    "HuggingFaceTB/SmolVLM-256M-Instruct": smolvlm,
}


# ---- what plain transformers answers: {text: confidence}


BEAMS = {"num_beams": 5, "num_return_sequences": 5, "length_penalty": 0.0, "do_sample": False, "min_new_tokens": 1}


def five(logits, names):
    values, order = logits.softmax(-1).sort(descending=True)
    return {names[i.item()]: value.item() for i, value in zip(order[:5], values[:5], strict=True)}


def vilt_answers(folder, image, question):
    return five(vilt_logits(folder, image, question), T.ViltConfig.from_pretrained(folder).id2label)


def vilt_logits(folder, image, question):
    """The program of the model's article."""
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.ViltForQuestionAnswering.from_pretrained(folder).eval()
    encoding = processor(image, question, return_tensors="pt")
    return model(**encoding).logits[0]


def seen_cells(image):
    cells = vision_tower().efficientnet_lite(views(image)[1]).last_hidden_state[0]
    regions = torch.zeros(1, cells[0].numel(), 2048)
    regions[0, :, :1280] = cells.flatten(1).T
    return regions, cells.shape[1:]


def visual_bert_answers(folder, image, question):
    model = T.VisualBertForQuestionAnswering.from_pretrained(folder).eval()
    inputs = T.BertTokenizer.from_pretrained(text_folder())(question, return_tensors="pt")
    regions, _ = seen_cells(image)
    marks = {
        "visual_token_type_ids": torch.ones(1, regions.shape[1], dtype=torch.long),
        "visual_attention_mask": torch.ones(1, regions.shape[1]),
    }
    return five(model(**inputs, visual_embeds=regions, **marks).logits[0], [f"LABEL_{n}" for n in range(7)])


def lxmert_answers(folder, image, question):
    model = T.LxmertForQuestionAnswering.from_pretrained(folder).eval()
    words = (folder / "vocab.txt").read_text().splitlines()
    tokenizer = T.BertTokenizer(vocab={word: n for n, word in enumerate(words)}, do_lower_case=True)
    inputs = tokenizer(question, return_tensors="pt")
    regions, (height, width) = seen_cells(image)
    edges = torch.zeros(height, width, 4)
    edges[..., 0] = torch.arange(width) / width
    edges[..., 1] = torch.arange(height)[:, None] / height
    edges[..., 2:] = edges[..., :2] + torch.tensor([1 / width, 1 / height])
    outputs = model(**inputs, visual_feats=regions, visual_pos=edges.reshape(1, -1, 4))
    return five(outputs.question_answering_score[0], [f"LABEL_{n}" for n in range(7)])


def told(sequences, prompt, logits_of, end, decode):
    """What beams wrote, each with its probability: the product of its tokens', read by the model once more."""
    sums = []
    for sequence in sequences:
        length = next((n + 1 for n in range(prompt, len(sequence)) if sequence[n] == end), len(sequence))
        odds = logits_of(sequence[None, :length])[0, -(length - prompt) - 1 : -1].log_softmax(-1)
        sums.append(odds.gather(1, sequence[prompt:length, None]).sum())
    found = {}
    for sequence, share in zip(sequences, torch.stack(sums).softmax(-1).tolist(), strict=True):
        text = decode(sequence[prompt:], skip_special_tokens=True).strip()
        found[text] = found.get(text, 0) + share
    return found


def blip_answers(folder, image, question):
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.BlipForQuestionAnswering.from_pretrained(folder).eval()
    inputs = processor(image, question, return_tensors="pt")
    sequences = model.generate(**inputs, max_new_tokens=10, **BEAMS)
    seen = model.vision_model(inputs.pixel_values).last_hidden_state
    read = model.text_encoder(inputs.input_ids, encoder_hidden_states=seen).last_hidden_state
    end = model.config.text_config.sep_token_id
    return told(
        sequences,
        1,
        lambda ids: model.text_decoder(ids, encoder_hidden_states=read, is_decoder=True).logits,
        end,
        processor.decode,
    )


def git_answers(folder, image, question):
    """As in transformers' documentation."""
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.AutoModelForCausalLM.from_pretrained(folder).eval()
    pixel_values = processor(images=image, return_tensors="pt").pixel_values
    input_ids = processor(text=question, add_special_tokens=False).input_ids
    input_ids = torch.tensor([processor.tokenizer.cls_token_id, *input_ids]).unsqueeze(0)
    sequences = model.generate(pixel_values=pixel_values, input_ids=input_ids, max_new_tokens=10, **BEAMS)
    return told(
        sequences,
        input_ids.shape[1],
        lambda ids: model(input_ids=ids, pixel_values=pixel_values).logits,
        model.config.eos_token_id,
        processor.decode,
    )


def smolvlm_answers(folder, image, question):
    """As on its card, with pictures and question in one message."""
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.AutoModelForImageTextToText.from_pretrained(folder).eval()
    text = f"{question}\nGive a very brief answer."
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(text=prompt, images=[image], return_tensors="pt")
    assert inputs.pixel_values.shape[1] > 1, "it was cut into tiles"
    sequences = model.generate(**inputs, max_new_tokens=16, **BEAMS)
    pixels = {name: inputs[name] for name in ("pixel_values", "pixel_attention_mask")}
    return told(
        sequences,
        inputs.input_ids.shape[1],
        lambda ids: model(input_ids=ids, **pixels).logits,
        model.config.text_config.eos_token_id,
        processor.decode,
    )


OFFICIAL = {
    "ViltForQuestionAnswering": vilt_answers,
    "VisualBertForQuestionAnswering": visual_bert_answers,
    "LxmertForQuestionAnswering": lxmert_answers,
    "BlipForQuestionAnswering": blip_answers,
    "GitForCausalLM": git_answers,
    "Idefics3ForConditionalGeneration": smolvlm_answers,
}
