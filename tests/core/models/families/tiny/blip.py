# SPDX-License-Identifier: Apache-2.0

"""BLIP, which matches, answers and captions."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import (
    BEAMS,
    DEEP,
    LENGTH,
    SQUARE,
    TOWER,
    VISION,
    bert_tokenizer,
    official,
    save,
    save_captioner,
    save_wide,
    told,
    word_tokenizer,
)


def blip(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    text = {**TOWER, "vocab_size": len(tokenizer) + 2, "encoder_hidden_size": 16, "max_position_embeddings": LENGTH}
    config = T.BlipConfig(
        text_config={**text, "bos_token_id": len(tokenizer), "pad_token_id": 0, "sep_token_id": 3, "eos_token_id": 3},
        vision_config={**TOWER, **VISION},
        image_text_hidden_size=12,
        projection_dim=12,
    )
    processor = T.BlipProcessor(image_processor=T.BlipImageProcessorPil(size=SQUARE), tokenizer=tokenizer)
    save(folder, T.BlipForImageTextRetrieval(config), processor)


def blip_vqa(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    text = {**DEEP, "vocab_size": len(tokenizer) + 2, "encoder_hidden_size": 16, "max_position_embeddings": LENGTH}
    config = T.BlipConfig(
        text_config={**text, "bos_token_id": len(tokenizer), "pad_token_id": 0, "sep_token_id": 3, "eos_token_id": 3},
        vision_config={**DEEP, **VISION},
    )
    processor = T.BlipProcessor(image_processor=T.BlipImageProcessorPil(size=SQUARE), tokenizer=tokenizer)
    save_wide(folder, T.BlipForQuestionAnswering(config), processor, width=0.2)


def blip_captions(folder: Path) -> None:
    tokenizer = word_tokenizer()
    text = {**DEEP, "vocab_size": len(tokenizer) + 2, "encoder_hidden_size": 16, "max_position_embeddings": LENGTH}
    config = T.BlipConfig(
        text_config={**text, "bos_token_id": len(tokenizer), "pad_token_id": 0, "sep_token_id": 3, "eos_token_id": 3},
        vision_config={**DEEP, **VISION},
    )
    processor = T.BlipProcessor(image_processor=T.BlipImageProcessorPil(size=SQUARE), tokenizer=tokenizer)
    save_captioner(folder, T.BlipForConditionalGeneration(config), processor, width=0.2, sight=0.15, bias=0.03, seed=5)


def logits(folder, images, texts):
    model, processor = official(folder)
    inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, truncation=True)
    return model(**inputs, use_itm_head=False).itm_score.numpy() / 0.07


def answers(folder, image, question):
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


def captions(folder, image):
    """As on its card, without a prompt."""
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.BlipForConditionalGeneration.from_pretrained(folder).eval()
    inputs = processor(image, return_tensors="pt")
    sequences = model.generate(**inputs, max_new_tokens=30, **BEAMS)
    return told(
        sequences,
        1,
        lambda ids: model(inputs.pixel_values, input_ids=ids).logits,
        model.config.text_config.sep_token_id,
        processor.decode,
    )


CHECKPOINTS = {
    "Salesforce/blip-itm-base-coco": blip,
    "Salesforce/blip-itm-large-coco": blip,
    "Salesforce/blip-vqa-base": blip_vqa,
    "Salesforce/blip-image-captioning-base": blip_captions,
    "Salesforce/blip-image-captioning-large": blip_captions,
}
