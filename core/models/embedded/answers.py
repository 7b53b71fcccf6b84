"""What the embedded model adds for questions: a ranking of an open list of words for "what is this?", calibrated
similarity with a small ViLT beside it for yes and no, and what can be measured on maps for numbers, colours and sides."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from core.assets import VQA_FOLDER
from core.models.abilities import AttentiveAnswerer, Relevance
from core.models.embedded import measured as _measured
from core.models.embedded import questions as _questions
from core.models.embedded.masks import EmbeddedMasks
from core.models.embedded.questions import bare
from core.models.layers.dense_features import CHANNELS, SIDES, phrase_maps
from core.models.layers.top_answers import likeliest

if TYPE_CHECKING:
    from torch import Tensor

TOP = 5
# "What is this?" is answered by the word with the largest SHARPNESS * similarity + log(count + RARE), where count says
# how often captions use it. Of the settings that name the demo gallery's things best, the one that listens to the
# counts most: a photograph of something common is likelier than one of its rare cousin.
SHARPNESS, RARE = 16.0, 30
SELDOM = 0.023  # the share of (picture, noun) pairs that were true when `presence` was fitted, by recipes/calibrate.py
DOUBTFUL = -2.0  # log odds below which a thing that is asked for is taken not to be there
RIVAL = 0.5  # weight of the log odds by which another of its kind is likelier, chosen on the demo gallery's nouns
MEASURED = ("count", "colour", "position")
HALVES = {  # of a grid: (rows, columns) as fractions from, to
    "left": ((0, 1), (0, 0.5)),
    "right": ((0, 1), (0.5, 1)),
    "top": ((0, 0.5), (0, 1)),
    "bottom": ((0.5, 1), (0, 1)),
    "middle": ((0.25, 0.75), (0.25, 0.75)),
}


class EmbeddedAnswers(EmbeddedMasks, AttentiveAnswerer):
    """For a pair with `text` and `tokenizer` as well."""

    text: Any
    tokenizer: Any

    @cached_property
    def reader(self) -> Any:
        from core.models.layers.fusion_transformer import shipped

        return shipped(VQA_FOLDER).to(self.image_anchors.device)

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        encoding = {name: value.to(self.image_anchors.device) for name, value in encoding.items()}
        return [self._answer(encoding, question) for question in questions]

    def _answer(self, encoding: Mapping[str, Tensor], question: str) -> dict[str, float]:
        asked = _questions.read(question)
        if asked.kind == "identity":
            return self._identify(encoding, asked)
        measured = self._measure(encoding, asked)
        if asked.kind in measured:
            return dict(list(measured[asked.kind].items())[:TOP])
        logits = self.reader(**self.reader_inputs(encoding, question)).logits[0].float()
        if asked.kind == "existence" and not asked.region:
            rival = max(0.0, self._behind(encoding, bare(asked.phrase)))
            logits[0] += self._presence(encoding, asked) - RIVAL * rival
        return likeliest(logits, self.reader.config.id2label)

    def _presence(self, encoding: Mapping[str, Tensor], asked: _questions.Question) -> float:
        """log(P(there) / P(not there)) by the calibrated similarity, for a question to which yes and no are as likely:
        what `presence` was fitted on was there seldom."""
        slope, bias = self.scale().presence or (0.0, 0.0)
        similarity = float(encoding["whole"] @ self._vectors([bare(asked.phrase)])[0])
        return slope * similarity + bias - math.log(SELDOM / (1 - SELDOM))

    def _behind(self, encoding: Mapping[str, Tensor], word: str) -> float:
        """The log odds by which another of its kind is likelier: a cat looks much like a dog, but more like a cat."""
        words = {row["word"]: row for row in open_words()}
        kinds = set(words[word]["kinds"]) if word in words else set()
        others = [
            name for name, row in words.items() if kinds & set(row["kinds"]) - {word} and name not in {word, *kinds}
        ]
        if not others:
            return 0.0
        scores = self._likeliness(encoding["whole"], {name: words[name]["count"] for name in [word, *others]})
        return float(scores[1:].max() - scores[0])

    def _measure(self, encoding: Mapping[str, Tensor], asked: _questions.Question) -> dict[str, dict[str, float]]:
        """kind of question -> answers, for those that are measured."""
        if asked.kind not in MEASURED:
            return {}
        maps = phrase_maps(encoding, self._vectors([bare(asked.phrase or "thing")]), self.anything)
        found = self.decoder({name: encoding[name][None] for name in CHANNELS}, maps)["logits"].sigmoid()[0]
        there = self._presence(encoding, asked) > DOUBTFUL  # "how many ...?" is mostly asked of what is there
        return {
            "count": _measured.counts(maps[0], there),
            "colour": _measured.colours(encoding["colours"], found),
            "position": _measured.sides(found),
        }

    def _identify(self, encoding: Mapping[str, Tensor], asked: _questions.Question) -> dict[str, float]:
        """The words that the picture, or the part asked about, resembles most."""
        words = candidates(asked.phrase)
        scores = self._likeliness(self._region(encoding, asked.region), words)
        values, indices = scores.softmax(-1).topk(min(TOP, len(words)))
        names = list(words)
        return {names[i]: value for i, value in zip(indices.tolist(), values.tolist(), strict=True)}

    def _likeliness(self, seen: Tensor, words: Mapping[str, int]) -> Tensor:
        """[len(words)] logits of open words, given with their counts, for what is `seen` [anchors]."""
        import torch

        similar = torch.stack([self._open_vectors[word] for word in words]) @ seen
        common = torch.tensor([float(count) for count in words.values()], device=seen.device)
        return SHARPNESS * similar + (common + RARE).log()

    @cached_property
    def _open_vectors(self) -> dict[str, Tensor]:
        words = [row["word"] for row in open_words()]
        return dict(zip(words, self._vectors(words), strict=True))

    def _region(self, encoding: Mapping[str, Tensor], region: str) -> Tensor:
        """[anchors], unit norm: the whole picture, or the mean of the places in one part of it."""
        from torch.nn.functional import normalize

        if not region:
            return encoding["whole"]
        rows, columns = HALVES[region]
        parts = []
        for side in SIDES:
            places = encoding[f"places {side}"]
            (top, bottom), (left, right) = (
                (int(n * start), max(round(n * end), int(n * start) + 1))
                for n, (start, end) in zip(places.shape, (rows, columns), strict=False)
            )
            parts.append(places[top:bottom, left:right].mean((0, 1)))
        return normalize(sum(parts), dim=0)  # type: ignore[arg-type]

    def _vectors(self, words: Sequence[str]) -> Tensor:
        return self.embed_texts([f"a photo of a {word}" for word in words]).to(self.image_anchors.device)

    def read_alone(self, encoding: Mapping[str, Tensor], question: str) -> dict[str, float]:
        """What the reader answers by itself, without the rules."""
        logits = self.reader(**self.reader_inputs(encoding, question)).logits[0].float()
        return likeliest(logits, self.reader.config.id2label)

    def reader_inputs(self, encoding: Mapping[str, Tensor], question: str) -> dict[str, Tensor]:
        """The reader's arguments: words, mask and patches, on the model's device. A question about one side sees the whole picture: it is the reader's to look there."""
        from core.models.layers.fusion_transformer import patches

        encoding = {name: value.to(self.image_anchors.device) for name, value in encoding.items()}
        asked = _questions.read(question)
        maps = phrase_maps(encoding, self._vectors([bare(asked.phrase or "thing")]), self.anything)
        probabilities = self.decoder({name: encoding[name][None] for name in CHANNELS}, maps)["logits"].sigmoid()
        words, mask, _ = self.read_words([question])
        return {"words": words, "mask": mask, "patches": patches(encoding, maps, probabilities)}

    def read_words(self, questions: Sequence[str]) -> tuple[Tensor, Tensor, Any]:
        """The text tower's vectors of each token [n, length, d], which are questions' words [n, length], and their
        places in the text [n, length, 2]."""
        tokens = self.word_tokens(questions)
        offsets = tokens.pop("offset_mapping")
        return self.text(**tokens).last_hidden_state, tokens["attention_mask"], offsets

    def word_tokens(self, questions: Sequence[str]) -> Any:
        """The text tower's arguments, each [n, length], on its device, and `offset_mapping` beside them."""
        return self.tokenizer(
            [question.lower() for question in questions],
            padding=True,
            truncation=True,
            max_length=64,
            return_tensors="pt",
            return_offsets_mapping=True,
        ).to(self.image_anchors.device)

    def relevance(self, encoding: Mapping[str, Tensor], question: str, shuffled: bool = False) -> Relevance:
        encoding = {name: value.to(self.image_anchors.device) for name, value in encoding.items()}
        asked = _questions.read(question)
        if asked.kind == "identity":
            return self._resemblance(encoding, next(iter(self._identify(encoding, asked))), shuffled)
        if asked.kind in MEASURED:
            return self._resemblance(encoding, bare(asked.phrase or "thing"), shuffled)
        return self.reader_relevance(encoding, question, shuffled)

    def reader_relevance(self, encoding: Mapping[str, Tensor], question: str, shuffled: bool = False) -> Relevance:
        """Which patches the reader's own first answer leaned on."""
        import torch

        from core.models.layers.attribution import shuffled_copy, single_stream_relevance, word_maps

        inputs = self.reader_inputs(encoding, question)
        answer = int(self.reader(**inputs).logits[0].argmax())
        _, _, offsets = self.read_words([question])
        with torch.inference_mode(False), torch.enable_grad():
            reader = shuffled_copy(self.reader) if shuffled else self.reader
            own = {name: value.clone() for name, value in inputs.items()}
            own["patches"].requires_grad_()
            outputs = reader(**own, output_attentions=True)
            found = single_stream_relevance(outputs.logits[0, answer], outputs.attentions)
        height, width = encoding["stride 32"].shape[1:]
        return word_maps(found, question, offsets[0].tolist(), (height, width))

    def _resemblance(self, encoding: Mapping[str, Tensor], word: str, shuffled: bool) -> Relevance:
        """An answer that comes from no transformer leaned on one map: how much each place resembles the word it gave, or
        that it was asked about. `shuffled` gives the word the anchors of others."""
        import torch

        from core.models.layers.dense_features import to_peak

        vector = self._vectors([word])[0]
        if shuffled:
            vector = vector[torch.randperm(len(vector), generator=torch.Generator().manual_seed(0))]
        places = encoding[f"places {SIDES[-1]}"] @ vector
        return Relevance([f"resembles “{word}”"], to_peak(places[None]).cpu())


def candidates(kind: str) -> dict[str, int]:
    """The words that may answer "what KIND is this?", with their counts: those listed under it, or all."""
    wanted = kind.split()[-1] if kind else ""
    listed = {row["word"]: row["count"] for row in open_words() if wanted in row["kinds"]}
    return listed or {row["word"]: row["count"] for row in open_words()}


@lru_cache(maxsize=1)
def open_words() -> list[dict[str, Any]]:
    """Everyday words for things: {"word", "kinds" it belongs to, "count" in captions}."""
    rows: list[dict[str, Any]] = json.loads((VQA_FOLDER / "words.json").read_text())
    return rows


PROGRAM = """\
from core.assets import EMBEDDED_FOLDER
from core.models.embedded.pair import EmbeddedPair  # two frozen towers and the heads that this project trained

pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
with torch.inference_mode():
    encoding = pair.encode_image(image)
    answers = pair.answer(encoding, [question])[0]
"""
