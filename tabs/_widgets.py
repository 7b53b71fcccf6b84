# SPDX-License-Identifier: Apache-2.0

"""Components that several tabs have in common."""

from __future__ import annotations

import html

import gradio as gr

from core.models.abilities import Model
from tabs._lab import Lab
from web.inputs import AnyDropdown


def model_picker(lab: Lab, needs: type[Model] | tuple[type[Model], ...], label: str = "Model") -> gr.Dropdown:
    """All models with the ability `needs`, or one of them; the one that --profile asks for is chosen."""
    specs = lab.models.catalog.specs(needs)
    published = [spec.id for spec in specs if spec.family != "embedded" and spec.path is None]
    default = published[0] if lab.settings.profile == "hub" and published else specs[0].id

    def choices() -> list[tuple[str, str]]:
        return [(lab.models.catalog.label(spec.id), spec.id) for spec in lab.models.catalog.specs(needs)]

    picker = AnyDropdown(
        choices(),
        value=default,
        label=label,
        info="The built-in model needs no network. Others are downloaded once, when first used.",
    )
    # When a page opens: some are here by now, runs have ended, others were deleted.
    gr.on(None, lambda: gr.Dropdown(choices()), None, picker, api_visibility="private")
    return picker


def skipped_folders(lab: Lab) -> None:
    """A line that says which folders of --models hold no checkpoint, and why. Who comes over the network reads no names."""
    skipped = lab.models.catalog.skipped
    named = "; ".join(f"{html.escape(name)}: {html.escape(reason)}" for name, reason in skipped)
    if not lab.settings.on_loopback:
        named = f"{len(skipped)}. The console says which, and why"
    if skipped:
        gr.HTML(f"Folders of --models that are not offered: {named}.", elem_classes="footnote")


def code_panel(label: str) -> gr.Code:
    """Where the program that gives the same answer is shown."""
    with gr.Accordion("Show the code", open=False):
        return gr.Code(label=label, language="python", interactive=False)


def read_more(text: str) -> None:
    gr.Markdown(text, elem_classes="read-more")
