# SPDX-License-Identifier: Apache-2.0

"""Colours and fonts of the page."""

from __future__ import annotations

import gradio as gr

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")  # the visitor's own: none is fetched
MONO = ("ui-monospace", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """Gradio's Soft, with the texts and buttons that it draws too pale to read made darker (contrast 4.5 or more)."""
    soft = gr.themes.Soft(primary_hue="blue", secondary_hue="blue", neutral_hue="slate", font=FONT, font_mono=MONO)
    return soft.set(
        block_label_text_color="*primary_700",
        block_title_text_color="*primary_700",
        block_info_text_color="*neutral_500",
        body_text_color_subdued="*neutral_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        checkbox_label_background_fill_selected="*primary_600",
    )
