# SPDX-License-Identifier: Apache-2.0

"""Where the tests' runs are kept, and what they train on."""

import pytest

from tests.core.training.toy import numbers


@pytest.fixture
def place(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def examples(tmp_path):
    return numbers(tmp_path / "numbers")
