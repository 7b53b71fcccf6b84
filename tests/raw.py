# SPDX-License-Identifier: Apache-2.0

"""The page's protocol by plain HTTP: what a program that means no good can send, and no client library would."""

from __future__ import annotations

import json
from typing import Any

import httpx

from core.assets import EXAMPLES_FOLDER

DEFAULTS = {
    "classify": {
        "image": None,
        "labels": "cat, dog",
        "template": "a photo of a {}",
        "scoring": "softmax",
        "model": "embedded",
    },
    "classify_many": {
        "files": None,
        "labels": "cat, dog",
        "template": "a photo of a {}",
        "scoring": "softmax",
        "model": "embedded",
    },
    "recall": {"gallery": "bundled", "model": "embedded"},
    "answer": {"image": None, "question": "Is there a cat?", "model": "embedded"},
    "segment": {
        "image": None,
        "prompts": "a cat",
        "threshold": 0.5,
        "model": "embedded",
        "exclusive": True,
        "anyway": False,
    },
    "segment_like": {
        "image": None,
        "example": None,
        "box": "",
        "threshold": 0.5,
        "model": "embedded",
        "exclusive": True,
    },
    "caption_asif": {
        "image": None,
        "bank": "bundled",
        "k": 100,
        "p": 2,
        "model": "embedded",
        "own": None,
        "removed": [],
        "leave_out": True,
    },
    "caption_magic": {
        "image": None,
        "k": 3,
        "alpha": 0.1,
        "beta": 2,
        "max_length": 4,
        "model": "embedded",
        "writer": "embedded-captioner",
        "scale": 0,
        "recall": 0,
    },
    "caption_compare": {"image": None, "files": None, "methods": ["ASIF"]},
    "search": {"query": "a cat", "image": None, "gallery": "bundled", "k": 3, "model": "embedded"},
}
KITTEN = EXAMPLES_FOLDER / "kitten-yarn-ball.jpg"


class Raw(httpx.Client):
    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=60)

    def send_file(self, content: bytes, name: str = "photo.png") -> dict[str, Any]:
        path = self.post("gradio_api/upload", files={"files": (name, content)}).json()[0]
        return file(path=path)

    def kitten(self) -> dict[str, Any]:
        return self.send_file(KITTEN.read_bytes(), "kitten.jpg")

    def ask(self, endpoint: str, **changes: Any) -> tuple[bool, str]:
        """(answered, the text of the answer or of the refusal). json.dumps lets NaN and lone surrogates through."""
        body = json.dumps({"data": list({**DEFAULTS[endpoint], **changes}.values())})
        sent = self.post(
            f"gradio_api/call/{endpoint}", content=body.encode(), headers={"content-type": "application/json"}
        )
        if sent.status_code != 200:
            return False, f"{sent.status_code} {sent.text}"
        reply = self.get(f"gradio_api/call/{endpoint}/{sent.json()['event_id']}").text
        return reply.rpartition("event: ")[2].startswith("complete"), reply


def file(**fields: Any) -> dict[str, Any]:
    return {**fields, "meta": {"_type": "gradio.FileData"}}
