# SPDX-License-Identifier: Apache-2.0

"""A bank of a visitor's own, and the one that ships."""

import threading

import numpy as np
import pytest

from core.assets import CAPTIONER_FOLDER
from core.data import bank
from core.errors import Stopped, UserError
from core.models.family import EMBEDDED

CAPTIONS = ["a cat on a sofa", "two boats on a lake", "a dog in the grass"]


def test_each_caption_keeps_its_most_similar_anchors(models):
    made = bank.make(models, CAPTIONS)
    names = models.detail(EMBEDDED, "anchor_names")
    whole = models.call(EMBEDDED, "anchor_texts", CAPTIONS).numpy()
    assert made.captions == tuple(CAPTIONS)
    assert made.indices.shape == made.similarities.shape == (3, bank.ANCHORS)
    for row, indices, similarities in zip(whole, made.indices, made.similarities, strict=True):
        assert similarities[0] == pytest.approx(row.max(), abs=1e-3)
        np.testing.assert_allclose(similarities, np.sort(row)[::-1][: bank.ANCHORS].clip(0), atol=1e-3)
        np.testing.assert_allclose(row[indices].clip(0), similarities, atol=1e-3)
    assert "cat" in names[made.indices[0, 0]].lower()
    frequencies = made.document_frequencies
    assert [frequencies[gram] for gram in (("a",), ("on", "a"), ("two", "boats"), ("no", "such"))] == [3, 2, 1, 1]


def test_runs_of_words_are_counted_once_for_one_text(models, monkeypatch):
    """A bank is made anew at each change of a slider; its captions stay the same."""
    before = bank.make(models, [f"{caption} today" for caption in CAPTIONS]).document_frequencies
    monkeypatch.setattr(bank, "DocumentFrequencies", None)
    assert bank.make(models, [f"{caption} today" for caption in CAPTIONS]).document_frequencies is before


def test_a_visitors_text_is_read_by_lines():
    assert bank.parse(" a  cat\n\na dog\r\na cat\n") == ["a cat", "a dog"]


@pytest.mark.parametrize(
    ("text", "message"),
    [(" \n\n", "empty"), ("x" * 301, "more than 300"), ("\n".join(map(str, range(100_001))), "100,001 captions")],
)
def test_what_is_no_bank_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        bank.parse(text)


def test_the_bank_that_ships_is_what_its_captions_say(models):
    """30,000 captions or more, no two alike, in under 15 MB, memory-mapped, and made by this very model."""
    shipped = bank.shipped()
    assert len(shipped) == len(set(shipped.captions)) >= 30_000
    assert sum((CAPTIONER_FOLDER / name).stat().st_size for name in ("bank.txt.gz", "bank.safetensors")) < 15e6
    some = list(range(0, len(shipped), len(shipped) // 20))
    again = bank.make(models, [shipped.captions[i] for i in some])
    np.testing.assert_allclose(again.similarities, shipped.similarities[some], atol=2e-3)


def test_banks_are_bounded_in_words_too(models, monkeypatch):
    """A gallery's captions are no file that `parse` has read."""
    monkeypatch.setattr(bank, "MAX_WORDS", 12)
    with pytest.raises(UserError, match="14 words; captions of at most 12"):
        bank.make(models, [*CAPTIONS[:1], "one two three four five six seven eight nine"])
    monkeypatch.setattr(bank, "MAX_CAPTIONS", 2)
    with pytest.raises(UserError, match="3 captions; at most 2"):
        bank.make(models, CAPTIONS)


def test_making_a_bank_shows_where_it_is_and_stops(models):
    stop, steps = threading.Event(), []
    captions = [f"{caption} number {n}" for n in range(4) for caption in CAPTIONS]
    with pytest.raises(Stopped):
        bank.make(models, captions, on_step=lambda *step: (steps.append(step), stop.set()), stop=stop)
    assert len(steps) == 1
    assert steps[0][0] < steps[0][1] == 12
