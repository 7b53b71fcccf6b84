# SPDX-License-Identifier: Apache-2.0

"""Measured figures in files: whole or not at all, and never of other weights."""

import json

import pytest

from core.figures import Figures, KeptFigures, read, right_at, write
from core.measured import Measured

HALF = Measured(0.5, 40, 0.35, 0.65, 0.25)
SOME = Figures(
    "embedded", "80 photographs", "2026-11-25", {"vqa.identity": HALF, "t2i.R@1": Measured(0.4, 9, 0.1, 0.7)}
)


def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "measured.json", SOME)
    assert read(tmp_path / "measured.json") == SOME
    assert [path.name for path in tmp_path.iterdir()] == ["measured.json"]
    found = json.loads((tmp_path / "measured.json").read_text())
    assert list(found) == ["model", "data", "date", "figures"]
    assert found["figures"]["vqa.identity"] == {"value": 0.5, "n": 40, "low": 0.35, "high": 0.65, "prior": 0.25}


def test_no_figures_is_a_file_too(tmp_path):
    write(tmp_path / "measured.json", Figures("embedded", "none", "2026-11-25"))
    assert read(tmp_path / "measured.json").figures == {}


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"figures": []}', '{"model": "m", "data": "d", "date": "", "figures": {"a": {"b": 1}}}'])  # fmt: skip
def test_a_damaged_file_is_none(tmp_path, text, caplog):
    (tmp_path / "measured.json").write_text(text)
    assert read(tmp_path / "measured.json") is None
    assert "no figures" in caplog.text
    assert read(tmp_path / "absent.json") is None


def test_a_part_is_replaced_whole_and_others_stay():
    new = Figures("embedded", "80 photographs", "2026-12-01", {"vqa.existence": HALF})
    merged = SOME.updated(new)
    assert set(merged.figures) == {"vqa.existence", "t2i.R@1"}
    assert merged.date == "2026-12-01"


def test_figures_of_other_data_are_not_mixed():
    new = Figures("embedded", "90 photographs", "2026-12-01", {"vqa.existence": HALF})
    assert SOME.updated(new) == new


def test_confidences_are_grouped_by_fifths():
    assert [right_at(p) for p in (0, 0.6, 0.79, 0.8, 1)] == [
        "right at 0.0-0.2",
        "right at 0.6-0.8",
        "right at 0.6-0.8",
        "right at 0.8-1.0",
        "right at 0.8-1.0",
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_figures_belong_to_weights_and_a_later_kind_replaces_its_own(tmp_path, kept):
    place = KeptFigures(tmp_path / "figures" if kept else None)
    place.keep("clip\0r1", "similarity", SOME)
    place.keep("clip\0r1", "vqa", SOME)
    later = Figures("embedded", "80 photographs", "2027-01-01", {})
    place.keep("clip\0r1", "vqa", later)
    assert sorted(one.date for one in place.of("clip\0r1")) == ["2026-11-25", "2027-01-01"]
    assert place.of("clip\0r2") == []
    assert len(KeptFigures(place.folder).of("clip\0r1")) == (2 if kept else 0), "only a folder outlives the lab"


def test_where_the_folder_cannot_be_written_they_are_kept_in_memory(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    place = KeptFigures(tmp_path / "file")
    place.keep("clip\0r1", "vqa", SOME)
    assert place.of("clip\0r1") == [SOME]
    assert "cannot be written" in caplog.text


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    write(tmp_path / "measured.json", SOME)

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("core.figures.os.replace", full)
    with pytest.raises(OSError, match="full"):
        write(tmp_path / "measured.json", Figures("embedded", "none", "2026-11-25"))
    assert read(tmp_path / "measured.json") == SOME
    assert [path.name for path in tmp_path.iterdir()] == ["measured.json"]
