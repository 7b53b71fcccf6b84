# SPDX-License-Identifier: Apache-2.0

import pytest

from core.data.galleries import Gallery
from core.data.store import Store
from core.errors import UserError
from core.training.data.loading import Source, from_gallery, load
from tests.core.data.gallery_fakes import colour_files


def test_galleries_by_name(tmp_path):
    made = Gallery("visit")
    made.add(colour_files(tmp_path / "in", 3))
    store = Store(str(tmp_path / "store"), tmp_path / "pictures")
    store.keep(made, "mine")
    assert load(Source("gallery:mine"), tmp_path, store) == from_gallery(store.open("mine"))
    assert len(load(Source("gallery"), tmp_path)) > 200
    with pytest.raises(UserError, match="no gallery called"):
        load(Source("gallery:other"), tmp_path, store)
    with pytest.raises(UserError, match="not kept here"):
        load(Source("gallery:mine"), tmp_path)


@pytest.mark.parametrize("source", ["", "nothing", "zip", "hub:", "gallery:", "file:///etc/passwd", "x" * 500])
def test_other_words_are_refused(source, tmp_path):
    with pytest.raises(UserError) as caught:
        load(Source(source), tmp_path)
    assert len(str(caught.value)) < 300


def test_rows_have_limits(tmp_path):
    for rows in (0, -1, 10**9):
        with pytest.raises(UserError, match="between 1 and"):
            load(Source("scenes", rows=rows), tmp_path)
