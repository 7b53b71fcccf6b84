# SPDX-License-Identifier: Apache-2.0

import json
import tracemalloc

import pytest
from starlette.exceptions import HTTPException

from web.json_body import MAX_DEPTH, MAX_VALUES, parse_object


def nested(levels):
    return b'{"data": %s}' % (b"[" * levels + b"]" * levels)


def test_the_bounds_themselves_pass():
    assert len(parse_object(json.dumps({"data": [0] * (MAX_VALUES - 2)}).encode())["data"]) == MAX_VALUES - 2
    assert parse_object(nested(MAX_DEPTH))
    for body, why in ((json.dumps({"data": [0] * MAX_VALUES}).encode(), "values"), (nested(MAX_DEPTH + 1), "deep")):
        with pytest.raises(HTTPException, match=why) as refused:
            parse_object(body)
        assert refused.value.status_code == 413


def test_text_passes_whole():
    text = 'cat, "dog" \\ 🐈‍⬛ قطة \u202e \0 \n{}[]'
    assert parse_object(json.dumps({"data": [text]}).encode()) == {"data": [text]}
    assert parse_object(json.dumps({"data": [text]}, ensure_ascii=False).encode()) == {"data": [text]}


def test_two_megabytes_of_empty_lists_take_no_memory():
    body = b'{"data": [%s]}' % b",".join([b"[]"] * 690_000)
    tracemalloc.start()
    with pytest.raises(HTTPException):
        parse_object(body)
    assert tracemalloc.get_traced_memory()[1] < 100_000  # 45 MB where they are made
    tracemalloc.stop()
