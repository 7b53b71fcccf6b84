# SPDX-License-Identifier: Apache-2.0

"""The form of a run: for each objective what it is, and a field for every setting of its Config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from core.errors import UserError
from tabs._texts import texts

if TYPE_CHECKING:
    from core.training.objective import Objective

SAID = texts("admin")
WIDE = 200  # pixels of a field at least: two or three stand side by side
ANY = 2**31 - 1  # up to here a field takes any whole number


class ObjectiveForm:
    """One group of fields for each objective, of which one is shown."""

    def __init__(self, objectives: list[type[Objective]]) -> None:
        self.objectives = {objective.name: objective for objective in objectives}
        self.first = objectives[0].name
        self.choice = gr.Dropdown(
            [(objective.title, objective.name) for objective in objectives],
            value=self.first,
            label=SAID.what,
        )
        self.groups: dict[str, gr.Column] = {}
        self.folded: dict[str, gr.Accordion] = {}
        self.fields: dict[str, dict[str, Component]] = {}
        for number, objective in enumerate(objectives):
            with gr.Column(visible=number == 0) as group:
                gr.Markdown(
                    _paragraphs(objective.about), latex_delimiters=[{"left": "$", "right": "$", "display": False}]
                )
                with gr.Accordion(SAID.settings, open=False) as folded, gr.Row(elem_classes="settings"):
                    self.fields[objective.name] = {field.name: _component(field) for field in fields(objective.Config)}
            self.groups[objective.name], self.folded[objective.name] = group, folded
        self.choice.change(self._show, self.choice, list(self.groups.values()), api_visibility="private")

    @property
    def components(self) -> set[Component]:
        """All of them, for a handler that takes a dictionary."""
        return {self.choice, *(one for named in self.fields.values() for one in named.values())}

    def read(self, values: Mapping[Component, Any]) -> tuple[str, dict[str, Any]]:
        """(objective, its settings) from what a handler was given."""
        name = str(values[self.choice])
        return name, {field: values[component] for field, component in self.fields.get(name, {}).items()}

    def filled(self, name: str, settings: Mapping[str, Any]) -> dict[Block, Any]:
        """Updates that show an objective with these settings. Raises UserError where there is no such objective (any more)."""
        if name not in self.fields:
            raise UserError(SAID("unknown_objective", name=name[:80]))
        shown: dict[Block, Any] = {self.choice: name, self.folded[name]: gr.Accordion(open=True)}
        for field, component in self.fields[name].items():
            if field in settings:
                shown[component] = settings[field]
        return shown

    def _show(self, name: str) -> list[Any]:
        return [gr.Column(visible=one == name) for one in self.groups]


def _paragraphs(about: str) -> str:
    """Each of Learned, Frozen, Loss and Papers on a line of its own."""
    return re.sub(r"\s+(?=\*\*[A-Z])", "\n\n", about)


def _component(field: Field[Any]) -> Component:
    label, limits = _label(field.name), field.metadata
    default: Any = field.default
    if isinstance(default, bool):
        return gr.Checkbox(default, label=label, info=limits["help"], min_width=WIDE)
    if limits["of"]:
        return gr.Dropdown(list(limits["of"]), value=default, label=label, info=limits["help"], min_width=WIDE)
    whole = isinstance(default, int)
    return gr.Number(
        default,
        label=label,
        info=f"{limits['help']} ({_range(limits['low'], limits['high'])})",
        precision=0 if whole else None,
        minimum=limits["low"],
        maximum=limits["high"],
        min_width=WIDE,
    )


def _label(name: str) -> str:
    return str(getattr(SAID, f"field_{name}", name.replace("_", " ").capitalize()))


def _range(low: float, high: float) -> str:
    return SAID.any_whole if high >= ANY else SAID("between", low=low, high=high)
