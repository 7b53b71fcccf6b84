# SPDX-License-Identifier: Apache-2.0

"""SmolVLM, an Idefics3."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import (
    BEAMS,
    BYTES,
    DEEP,
    SIDE,
    SPACE,
    VISION,
    ids,
    numbered,
    save_wide,
    spelled,
    told,
)

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
        vision_config={**DEEP, **VISION},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=0,
        eos_token_id=end,
    )
    model = T.Idefics3ForConditionalGeneration(config)
    model.generation_config.suppress_tokens = [config.image_token_id]  # a trained one never writes it
    save_wide(folder, model, processor, width=0.15)


def answers(folder, image, question):
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


CHECKPOINTS = {
    "HuggingFaceTB/SmolVLM-256M-Instruct": smolvlm,
}
