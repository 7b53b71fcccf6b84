# SPDX-License-Identifier: Apache-2.0

"""Visual question answering: the fusion transformer that ships is fine-tuned on questions of one's own, with new answers too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
from torch.nn.utils.rnn import pad_sequence

from core.assets import VQA_FOLDER
from core.models.layers.dense_features import INPUT_SIZES
from core.models.layers.fusion_transformer import FusionTransformer, load_fusion_transformer, with_answers
from core.training import register
from core.training.objective import Batch, Config, Example, Learner, Objective, option
from core.training.objectives._texts import decode_texts, encode_texts, index_among, known_cross_entropy

INPUT_SIDE = INPUT_SIZES[-1]  # pixels; pictures are made square, so that a batch of them is one tensor
LOSSES = ("cross-entropy", "binary cross-entropy")


@dataclass(frozen=True)
class AnswersConfig(Config):
    steps: int = option(100, "how often the weights are changed; with more, few questions are overfitted", 1, 20_000)
    batch: int = option(16, "questions in each step", 2, 1024)
    learning_rate: float = option(5e-4, "how far each step changes the weights", 1e-7, 1.0)
    loss: str = option("cross-entropy", "softmax over the answers; binary: a sigmoid for each answer", of=LOSSES)
    learned: str = option(
        "all", "the whole fusion transformer, or only the head that scores the answers", of=("all", "head")
    )


@register
class Answers(Objective):
    name = "answers"
    title = "Question answering (ViLT, VisualBERT)"
    order = 60
    needs = ("image", "question", "answer")
    metric = "accuracy"
    Config = AnswersConfig
    about = r"""**Learned:** the shipped fusion transformer, or its head alone, and a row of the head for each answer that is new
to it. **Frozen:** both towers; the transformer reads what they make of picture and question. **Loss** over n questions with logits
$z_{ik}$ for answer k: cross-entropy $-\frac{1}{n}\sum_i \log\frac{e^{z_{iy_i}}}{\sum_k e^{z_{ik}}}$; or, as ViLT,
binary cross-entropy $-\frac{1}{n}\sum_{i,k} t_{ik}\log\sigma(z_{ik})+(1-t_{ik})\log(1-\sigma(z_{ik}))$, where $t_{ik}$ is 1 for the
answer and else 0. **Papers:** [ViLT](https://arxiv.org/abs/2102.03334), [VisualBERT](https://arxiv.org/abs/1908.03557)."""

    config: AnswersConfig

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`words` [n, length, 384] float16, the question's token vectors, with `mask` [n, length]; `patches` [n, 14, 14,
        PATCH_FEATURES] float16; `answer` [n, bytes] of `encode_texts`."""
        rows = [self._row(example) for example in examples]
        words, mask = (pad_sequence([row[name][0] for row in rows], batch_first=True) for name in ("words", "mask"))
        patches = torch.cat([row["patches"].half() for row in rows])
        answers = encode_texts([normalised(example.answer) for example in examples])
        return {"words": words.half(), "mask": mask, "patches": patches, "answer": answers}

    def learner(self, train: Batch) -> AnswerLearner:
        """The head gets a row for each answer of the training part that it does not have yet."""
        reader = load_fusion_transformer(VQA_FOLDER)
        known = set(reader.config.id2label.values())
        return AnswerLearner(with_answers(reader, sorted(set(decode_texts(train["answer"])) - known)), self.config)

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """`accuracy` in 0..1: the share of questions whose likeliest answer is the given one."""
        found = self.predict(learner, rows, examples)
        return {"accuracy": sum(a == normalised(b.answer) for a, b in zip(found, examples, strict=True)) / len(found)}

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """The likeliest answers."""
        assert isinstance(learner, AnswerLearner)
        names = learner.reader.config.id2label
        return [names[place] for place in learner.outputs_of_many(rows)["logits"].argmax(1).tolist()]

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, AnswerLearner)
        learner.reader.save_pretrained(folder)

    def _row(self, example: Example) -> dict[str, Tensor]:
        encoding = self.models.encode(
            self.base, example.picture().resize((INPUT_SIDE, INPUT_SIDE), Image.Resampling.BICUBIC)
        )
        found = self.models.call(self.base, "fusion_inputs", encoding, example.question)
        return {name: value.cpu() for name, value in found.items()}


class AnswerLearner(Learner):
    """Logits [n, answers] of the fusion transformer. An answer that it does not know, as of a held-out question, has no part in the
    cross-entropy, and is no class of the binary one."""

    answers: Tensor  # [answers, bytes] of `encode_texts`

    def __init__(self, reader: FusionTransformer, settings: AnswersConfig) -> None:
        super().__init__()
        self.reader, self.settings = reader, settings
        self.register_buffer("answers", encode_texts(list(reader.config.id2label.values())))
        if settings.learned == "head":
            reader.requires_grad_(False)
            reader.vilt.classifier.requires_grad_(True)

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        words, mask, patches = (batch[name].to(self.reader.device) for name in ("words", "mask", "patches"))
        return {"logits": self.reader(words.float(), mask, patches.float()).logits}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        logits = outputs["logits"]
        right = index_among(batch["answer"].to(logits.device), self.answers)
        if self.settings.loss == "cross-entropy":
            return {"loss": known_cross_entropy(logits, right)}
        wanted = one_hot(right + 1, logits.shape[1] + 1)[:, 1:].to(logits)  # zeros for an answer that it does not know
        return {"loss": binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / len(logits)}


def normalised(answer: str) -> str:
    """In lower case, with single spaces, as the answers of the vocabulary are written."""
    return " ".join(answer.lower().split())
