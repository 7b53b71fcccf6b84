# SPDX-License-Identifier: Apache-2.0

"""What remembered captions would say next."""

import pytest

from core.tasks._recall import Recalled

END = 9
ROWS = [[END, 1, 2, 3, END], [END, 1, 2, 4, END], [END, 5, 2, 3, END]]


def test_the_longest_context_leads_and_shorter_ones_add():
    after = Recalled(ROWS, [1, 1, 1]).after
    assert after([END]) == pytest.approx(
        # one token back: 1, 1, 5 after the start; added: one sighting of the words alone, spread as they occur
        {1: (2 + 2 / 12) / 4, 5: (1 + 1 / 12) / 4, 2: 3 / 12 / 4, 3: 2 / 12 / 4, 4: 1 / 12 / 4, END: 3 / 12 / 4}
    )
    assert sum(after([END, 1, 2]).values()) == pytest.approx(1)
    assert max(after([END, 5, 2]), key=after([END, 5, 2]).get) == 3


def test_weights_count():
    equal, heavy = (Recalled(ROWS, weights).after([END, 1, 2]) for weights in ([1, 1, 1], [0.1, 5, 0.1]))
    assert equal[3] > equal[4]
    assert heavy[4] > heavy[3]


def test_what_was_never_seen_falls_back():
    after = Recalled(ROWS, [1, 1, 1]).after
    assert after([END, 7]) == after([7])
    assert sum(after([7]).values()) == pytest.approx(1)
    assert Recalled([], []).after([END]) == {}
