# SPDX-License-Identifier: Apache-2.0

"""Reports are parsed once, however often they are asked for."""

import json

import pytest

from core.training import metrics
from core.training.metrics import MetricsFile


@pytest.fixture
def parsed(monkeypatch):
    """How many lines were parsed."""
    lines, original = [], metrics._parsed
    monkeypatch.setattr(metrics, "_parsed", lambda line: (lines.append(line), original(line))[1])
    return lines


def append(path, *rows):
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_only_what_was_appended_is_read(tmp_path, parsed):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path)
    assert file.rows() == []
    append(path, *({"step": step, "loss": 1.0} for step in range(100)))
    assert len(file.rows()) == 100
    for _ in range(5):
        assert len(file.rows()) == 100
    append(path, {"step": 100, "loss": 0.5})
    assert file.rows()[-1] == {"step": 100, "loss": 0.5}
    assert len(parsed) == 101
    file.rows().clear()
    assert len(file.rows()) == 101, "a list of one's own"


def test_a_line_is_read_once_its_end_is_there(tmp_path):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path)
    append(path, {"step": 1})
    with path.open("a") as out:
        out.write('{"step": 2, "lo')
    assert file.rows() == [{"step": 1}]
    with path.open("a") as out:
        out.write('ss": 1.0}\n')
    assert file.rows() == [{"step": 1}, {"step": 2, "loss": 1.0}]


def test_a_file_in_the_place_of_the_old_one_is_read_anew(tmp_path):
    path, new = tmp_path / "metrics.jsonl", tmp_path / "new"
    file = MetricsFile(path)
    append(path, {"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0})
    assert len(file.rows()) == 2
    append(new, {"step": 1, "loss": 3.5}, {"step": 2, "loss": 2.5}, {"step": 3, "loss": 1.5})
    new.replace(path)
    assert [row["loss"] for row in file.rows()] == [3.5, 2.5, 1.5]
    path.write_text('{"step": 7}\n')  # shortened in place
    assert file.rows() == [{"step": 7}]
    path.unlink()
    assert file.rows() == []
