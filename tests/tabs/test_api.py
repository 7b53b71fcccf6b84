# SPDX-License-Identifier: Apache-2.0

"""What programs rely on: the names of the public endpoints, their parameters with the defaults, and their outputs by name."""

import pytest

from tests.public import OUTPUTS

REQUIRED = object()
PETS, TEMPLATE, SUNSET = "cat, dog, horse, bird", "a photo of a {}", "boats on a lake at sunset"
LABELS = {"labels": PETS, "template": TEMPLATE, "scoring": "softmax", "model": "embedded"}
MASKS = {"threshold": 0.5, "model": "embedded", "exclusive": True}
RANKED = {"gallery": "bundled", "k": 12, "model": "embedded"}
METHODS = ["ASIF", "MaGiC", "the language model, no picture"]
PARAMETERS = {
    "classify": {"image": REQUIRED, **LABELS},
    "classify_many": {"files": REQUIRED, **LABELS},
    "answer": {"image": REQUIRED, "question": "What animal is this?", "model": "embedded"},
    "segment": {"image": REQUIRED, "prompts": "a cat, a dog", **MASKS, "anyway": False},
    "segment_like": {"image": REQUIRED, "example": REQUIRED, "box": REQUIRED, **MASKS},
    "search": {"query": SUNSET, "image": None, **RANKED},
    "find_captions": {"image": REQUIRED, **RANKED},
    "rerank": {
        "query": SUNSET,
        "ranking_json": REQUIRED,
        "gallery": "bundled",
        "model": "Salesforce/blip-itm-base-coco",
    },
    "recall": {"gallery": "bundled", "model": "embedded"},
    "caption_asif": {
        "image": REQUIRED,
        "bank": "bundled",
        "k": 100,
        "p": 2.0,
        "model": "embedded",
        "own": None,
        "removed": [],
        "leave_out": True,
    },
    "caption_magic": {
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
    "caption_compare": {"image": REQUIRED, "files": None, "methods": METHODS},
}
COMPONENTS = {  # what is there of each kind of output, in whatever endpoint
    "answer": "Json",
    "note": "Markdown",
    "table": "Dataframe",
    "download": "Downloadbutton",
    "download_json": "Downloadbutton",
    "coco": "Downloadbutton",
    "notebook": "Downloadbutton",
    "code": "Code",
    "painted": "Image",
    "found": "Gallery",
    "caption": "Textbox",
    "failures": "Gallery",
    "missed": "Dataframe",
}


@pytest.fixture(scope="module")
def described(page):
    return {name.strip("/"): told for name, told in page.get_api_info()["named_endpoints"].items()}


def test_these_are_all(described):
    assert set(described) == set(PARAMETERS) == set(OUTPUTS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_endpoint_is_as_it_was(described, name):
    parameters, told = PARAMETERS[name], described[name]
    assert {
        one["parameter_name"]: one["parameter_default"] if one["parameter_has_default"] else REQUIRED
        for one in told["parameters"]
    } == parameters
    assert list(parameters) == [one["parameter_name"] for one in told["parameters"]]
    assert [one["component"] for one in told["returns"]] == [COMPONENTS[output] for output in OUTPUTS[name]]


@pytest.mark.parametrize("name", PARAMETERS)
def test_its_outputs_are_named(described, name):
    labels = [one["label"] for one in described[name]["returns"]]
    assert len(set(labels)) == len(labels)
    assert not [label for label in labels if not label or label.startswith(("value_", "Value "))]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_tool_made_of_it_is_named_and_described(page, name):
    """MCP names a tool after the function and describes it by the docstring."""
    function = next(one for one in page.fns.values() if one.api_name == name).fn
    assert function.__name__ == {"answer": "answer_question", "find_captions": "describe"}.get(name, name)
    assert len(function.__doc__) > 40


def test_no_event_that_runs_a_model_waits_in_a_queue_of_one(page):
    running = {one.api_name: (one.concurrency_id, one.concurrency_limit) for one in page.fns.values()}
    assert {running[name][0] for name in PARAMETERS} == {"short", "search", "long"}
    assert min(running[name][1] for name in PARAMETERS) > 1


def test_what_the_page_alone_runs_takes_no_endpoints_name(page):
    """Gradio names an event after its function, and numbers the later ones of a name: "/answer_10" was asked for once."""
    own = [one.api_name for one in page.fns.values() if one.api_visibility == "private"]
    assert not [name for name in own if str(name).rstrip("_0123456789") in PARAMETERS]
