# SPDX-License-Identifier: Apache-2.0

"""A bare client of the running app."""

import pytest

from tests.raw import Raw


@pytest.fixture(scope="module")
def raw(url):
    with Raw(url) as client:
        yield client
