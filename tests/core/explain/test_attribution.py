# SPDX-License-Identifier: Apache-2.0

import torch
from PIL import Image

from core.explain import attribution
from core.models.abilities import Attribution

MAPS = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(0))
PICTURE = Image.new("RGB", (30, 20))


def titles(drawn):
    return [text.get_text() for text in drawn.figure.texts][: len(drawn.figure.axes) - 1]  # the last are of the scale


def test_maps_that_survive_shuffling_say_nothing():
    found = Attribution(["how", "many", "cats"], MAPS)
    assert attribution.correlation(found, found) > 0.999
    assert abs(attribution.correlation(found, Attribution(found.words, MAPS.flip(1, 2)))) < 0.9
    assert attribution.correlation(found, Attribution(found.words, torch.zeros(3, 4, 6))) == 0


def test_all_words_then_the_check_then_each():
    found = Attribution(["how", "many", "cats"], MAPS)
    drawn = attribution.drawing(PICTURE, found, found)
    assert titles(drawn) == ["all words", "shuffled", "how", "many", "cats"]
    assert drawn.finding.endswith("The map of a copy with shuffled weights correlates with it at 1.00.")
    assert titles(attribution.drawing(PICTURE, found)) == ["all words", "how", "many", "cats"]
    assert titles(attribution.drawing(PICTURE, Attribution(["cat"], MAPS[:1]), found)) == ["cat", "shuffled"]
    assert attribution.drawing(PICTURE, Attribution([], MAPS[:0])) is None


def test_the_finding_says_where_the_weight_lies():
    maps = torch.zeros(2, 6, 6)
    maps[0, 0, 0], maps[1, 5, 3], maps[1, 0, 0] = 0.8, 0.3, 0.1
    assert attribution.drawing(PICTURE, Attribution(["cat", "is"], maps)).finding == (
        "All words together: 75 % of the weight lies in the upper left of the picture, where an even map has 11 %. "
        "By word: “cat” 100 % in the upper left and “is” 75 % in the bottom middle."
    )
    one = attribution.drawing(PICTURE, Attribution(["resembles “cat”"], maps[1:]))
    assert one.finding.startswith("Resembles “cat”: 75 % of the weight lies in the bottom middle of the picture")
