# SPDX-License-Identifier: Apache-2.0

import random
import threading

import pytest

from core.errors import UserError
from core.training.supervisor.runs import Runs
from tests.core.training.supervisor.idle import ended, idle_runs

pytestmark = pytest.mark.slow


def test_many_threads_of_several_apps_share_the_table(place, examples, toy):
    several, errors = [idle_runs(place) for _ in range(3)], []
    ids = [ended(several[0], examples=examples, name=str(n)) for n in range(3)]

    def use(runs):
        try:
            for _ in range(10):
                assert len(runs.list()) == 3
                runs._table.set_process(random.choice(ids), None)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(runs,)) for runs in several * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_place_that_cannot_be_used_is_told(tmp_path, toy):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be used"):
        Runs(tmp_path / "file").list()
    place = tmp_path / "runs"
    place.mkdir()
    (place / "runs.sqlite").write_bytes(b"no table" * 100)
    with pytest.raises(UserError, match="cannot be used"):
        Runs(place).list()
