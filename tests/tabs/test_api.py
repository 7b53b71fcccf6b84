# SPDX-License-Identifier: Apache-2.0

"""What programs rely on: the names of the public endpoints, their parameters with the defaults, and their first outputs."""

import pytest

REQUIRED = object()
PETS, TEMPLATE = "cat, dog, horse, bird", "a photo of a {}"
SCORED = ["Markdown", "Dataframe", "Downloadbutton", "Plot", "Plot", "Code"]
LABELS = {"labels": PETS, "template": TEMPLATE, "scoring": "softmax", "model": "embedded"}
RANKED = ["Json", "Dataframe", "Downloadbutton"]
MASKS = ["Image", "Json", "Html", "Dataframe", "Downloadbutton", "Downloadbutton", "Dropdown", "Plot", "Plot", "Code"]
METHODS = ["ASIF", "MaGiC", "the language model, no picture"]
ENDPOINTS = {
    "classify": ({"image": REQUIRED, **LABELS}, ["Label", *SCORED]),
    "classify_many": ({"files": REQUIRED, **LABELS}, ["Plot", *SCORED]),
    "answer": (
        {"image": REQUIRED, "question": "What animal is this?", "model": "embedded"},
        ["Label", "Markdown", "Dataframe", "Downloadbutton", "Plot", "Markdown", "Code"],
    ),
    "segment": (
        {"image": REQUIRED, "prompts": "a cat, a ball of wool", "threshold": 0.5, "model": "embedded"},
        MASKS,
    ),
    "segment_like": (
        {"image": REQUIRED, "example": REQUIRED, "box": REQUIRED, "threshold": 0.5, "model": "embedded"},
        MASKS,
    ),
    "search": (
        {"query": REQUIRED, "image": None, "gallery": "bundled", "k": 12, "model": "embedded"},
        ["Gallery", *RANKED, "Plot", "Plot", "Code"],
    ),
    "find_captions": (
        {"image": REQUIRED, "gallery": "bundled", "k": 12, "model": "embedded"},
        [*RANKED, "Gallery", "Plot", "Plot", "Code"],
    ),
    "rerank": (
        {"query": REQUIRED, "ranking_json": REQUIRED, "gallery": "bundled", "model": "Salesforce/blip-itm-base-coco"},
        ["Gallery", *RANKED, "Plot"],
    ),
    "recall": ({"gallery": "bundled", "model": "embedded"}, ["Dataframe", "Gallery", "Dataframe"]),
    "caption_asif": (
        {
            "image": REQUIRED,
            "bank": "bundled",
            "k": 100,
            "p": 2.0,
            "model": "embedded",
            "own": None,
            "removed": [],
            "leave_out": True,
        },
        ["Textbox", "Json", "Dataframe", "Downloadbutton", "Plot", "Dropdown", "Code"],
    ),
    "caption_magic": (
        {
            "image": REQUIRED,
            "k": 10,
            "alpha": 0.1,
            "beta": 0.5,
            "max_length": 16,
            "model": "embedded",
            "writer": "embedded-captioner",
            "scale": 60,
            "recall": 0.8,
        },
        ["Textbox", "Json", "Dataframe", "Downloadbutton", "Slider", "Plot", "Code"],
    ),
    "caption_compare": (
        {"image": REQUIRED, "files": None, "methods": METHODS},
        ["Dataframe", "Json", "Downloadbutton", "Downloadbutton", "Markdown", "Plot", "Plot", "Code"],
    ),
}


@pytest.fixture(scope="module")
def page(app_lab):
    import app

    return app.build(app_lab)


@pytest.fixture(scope="module")
def described(page):
    return {name.strip("/"): told for name, told in page.get_api_info()["named_endpoints"].items()}


def test_these_are_all(described):
    assert set(described) == set(ENDPOINTS)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_is_as_it_was(described, page, name):
    parameters, outputs = ENDPOINTS[name]
    told = described[name]
    assert {
        one["parameter_name"]: one["parameter_default"] if one["parameter_has_default"] else REQUIRED
        for one in told["parameters"]
    } == parameters
    assert list(parameters) == [one["parameter_name"] for one in told["parameters"]]
    assert [one["component"] for one in told["returns"]][: len(outputs)] == outputs


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_tool_made_of_it_is_named_and_described(page, name):
    """MCP names a tool after the function and describes it by the docstring."""
    function = next(one for one in page.fns.values() if one.api_name == name).fn
    assert function.__name__ == {"answer": "answer_question", "find_captions": "describe"}.get(name, name)
    assert len(function.__doc__) > 40


def test_no_event_that_runs_a_model_waits_in_a_queue_of_one(page):
    running = {one.api_name: (one.concurrency_id, one.concurrency_limit) for one in page.fns.values()}
    assert {running[name][0] for name in ENDPOINTS} == {"short", "search", "long"}
    assert min(running[name][1] for name in ENDPOINTS) > 1
