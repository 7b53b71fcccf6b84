# SPDX-License-Identifier: Apache-2.0

from types import SimpleNamespace

import pytest

from core.errors import UserError
from core.training.data.check import check, evenly_spaced
from core.training.data.example import Example


def test_no_usable_row_is_an_error(tmp_path):
    gone = Example(str(tmp_path / "gone.png"), "text")
    for rows in ([], [gone], [Example("", "")]):
        with pytest.raises(UserError, match=f"None of the {len(rows)} examples"):
            check(rows, SimpleNamespace(needs=("image", "text")))


def test_samples_are_from_all_over_the_data():
    assert evenly_spaced(3, 12) == [0, 1, 2]
    assert evenly_spaced(1, 12) == [0]
    assert evenly_spaced(100, 12) == [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99]
