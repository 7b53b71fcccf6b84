# SPDX-License-Identifier: Apache-2.0

"""Runs of the toy, with an idle process in the trainer's place."""

import pytest

from tests.core.training.supervisor.idle import idle_runs, kill
from tests.core.training.toy import toy  # noqa: F401  a fixture


@pytest.fixture
def runs(place, toy):  # noqa: F811
    made = idle_runs(place)
    yield made
    for row in made._table.rows():
        kill(made, row.id)
