# SPDX-License-Identifier: Apache-2.0

"""What a kept gallery keeps, also beside other processes."""

import os
import threading

import numpy as np
import pytest

from core.data.galleries import Gallery
from core.data.store import Store
from core.errors import Stopped
from tests.core.data.conftest import facts
from tests.core.data.gallery_fakes import CountingModels, colour_files

pytest.importorskip("lancedb")


@pytest.mark.slow
def test_changes_stay(place, gallery, tmp_path):
    models = CountingModels()
    kept = Store(**place).keep(gallery, "a")
    kept.vectors(models, "m")
    kept.caption_vectors(models, "m")
    gone = kept.items[1]
    kept.remove([gone.id])
    report = kept.add([(gallery.items[0].path, ""), *colour_files(tmp_path / "more", 2, first=5)])
    assert len(report.added) >= 2
    kept.vectors(models, "m")
    seen = models.pictures
    again = Store(**place).open("a")
    assert facts(again) == facts(kept)
    assert gone.id not in [item.id for item in again.items]
    assert not os.path.exists(gone.path)
    np.testing.assert_array_equal(again.vectors(models, "m"), kept.vectors(models, "m"))
    assert models.pictures == seen
    texts = models.texts
    assert again.caption_vectors(models, "m")[0] == [i for i, item in enumerate(again.items) if item.caption]
    assert models.texts - texts == 2  # of the two new ones only
    assert gone.id not in store_rows(again)


def store_rows(kept):
    """All ids in the gallery's tables of vectors."""
    names = [name for name in kept._tables.names(kept.key) if name != kept.key]
    assert names
    return {row for name in names for row in kept._tables.open(name).to_arrow()["id"].to_pylist()}


def test_appends_of_another_process_are_seen(place, gallery, tmp_path):
    models = CountingModels()
    mine = Store(**place).keep(gallery, "a")
    theirs = Store(**place).open("a")
    mine.vectors(models, "m")
    theirs.add(colour_files(tmp_path / "more", 2, first=5))
    theirs.vectors(models, "m")
    assert models.pictures == 7
    assert len(mine) == 5
    assert mine.refresh()
    assert not mine.refresh()
    assert facts(mine) == facts(theirs)
    assert len(mine.vectors(models, "m")) == 7
    assert models.pictures == 7  # the vectors came from the store too


def test_a_stopped_run_is_kept(local, tmp_path):
    gallery, models, stop = Gallery("visit"), CountingModels(), threading.Event()
    gallery.add(colour_files(tmp_path / "in", 40))
    kept = Store(**local).keep(gallery, "a")
    with pytest.raises(Stopped):
        kept.vectors(models, "m", lambda done, _: done == 20 and stop.set(), stop)
    Store(**local).open("a").vectors(models, "m")
    assert models.pictures == 40


def test_rows_of_a_foreign_hand_stay_inside(local, gallery):
    store = Store(**local)
    kept = store.keep(gallery, "a")
    store.tables.open(kept.key).add([{"id": "evil", "path": "../../../etc/passwd", "caption": "", "position": 0}])
    store.catalogue().add([{"name": "evil", "key": "../..", "created": 0.0}])
    assert kept.refresh()
    assert kept.items[0].path == str(kept.folder / "passwd")
    assert store.names() == ["a"]
