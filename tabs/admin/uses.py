# SPDX-License-Identifier: Apache-2.0

"""In which tabs the model of a run can be used, told by the abilities of its adapter."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import urlencode

from core.models.abilities import Matcher, Model
from core.tasks import captioning, retrieval, segmentation, vqa, zero_shot
from tabs._lab import Lab
from tabs._texts import texts

SAID = texts("admin")
PICTURE = {"picture": "kitten-yarn-ball.jpg"}  # so that the tab has something to answer about
TABS: list[tuple[str, Any, dict[str, str], str]] = [  # tab, ability, more of the address, the field of the model's name
    ("classify", zero_shot.TASK.needs, PICTURE, "model"),
    ("ask", vqa.TASK.needs, PICTURE, "model"),
    ("segment", segmentation.TASK.needs, PICTURE, "model"),
    ("search", retrieval.TASK.needs, {}, "model"),
    ("search", Matcher, {}, ""),
    ("caption", captioning.TASK.needs, {"method": "compare", **PICTURE}, "compare_methods"),
]


def uses(lab: Lab, id: str, to: str = "") -> list[tuple[str, str]]:
    """(words, address) of each, for the model of the run `id`; `to` leads to the lab's page."""
    if lab.runs is None:
        return []
    model = lab.runs.folder(id).model.resolve()
    found = next((spec for spec in lab.models.catalog.specs() if spec.path and spec.path.resolve() == model), None)
    if found is None:
        return []
    adapter: type[Model] = lab.models.catalog.adapter(found.id)
    links: dict[str, str] = {}
    for tab, ability, more, field in TABS:
        if issubclass(adapter, ability) and tab not in links:
            links[tab] = f"{to}?" + urlencode({"tab": tab, **more, **({field: found.id} if field else {})})
    return [(SAID("use_in", tab=texts(tab).title), address) for tab, address in links.items()]


def buttons(lab: Lab, id: str, to: str = "") -> str:
    """The same as HTML; "" where there is none."""
    links = "".join(
        f'<a href="{html.escape(address)}">{html.escape(words)}</a>' for words, address in uses(lab, id, to)
    )
    return f'<p class="doors uses">{links}</p>' if links else ""
