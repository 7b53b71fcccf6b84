# SPDX-License-Identifier: Apache-2.0

from core.explain._style import KEPT, WIDTH, fitted, folded, heading, plain, width


def test_plain_is_one_line_without_what_shows_nothing():
    assert plain(" a\n b\t\x00c\u202e ") == "a b �c�"
    assert plain("x" * 50) == "x" * 39 + "…"
    assert plain(f"a{KEPT}b") == f"a{KEPT}b"


def test_width_is_that_of_the_type():
    assert width("") == 0
    assert 0.05 < width("i") * 2 < width("m") < 0.17
    assert width("漢字") == 2 * 12 / 72


def test_fitted_text_fits():
    assert fitted("short", 2) == "short"
    for text in ("W" * 300, "a picture of " * 20, "漢" * 100):
        assert 1.8 < width(fitted(text, 2)) <= 2.001
        assert fitted(text, 2).endswith("…")


def test_folded_text_keeps_its_words():
    assert folded("a cat: spread to places that look alike", 1.5, 3) == "a cat: spread to\nplaces that look\nalike"
    lines = folded("one two three " * 20, 1.5, 2).split("\n")
    assert len(lines) == 2
    assert max(map(width, lines)) <= 1.501
    assert lines[1].endswith("…")
    assert folded("", 1, 2) == ""
    assert all(width(line) < WIDTH / 1.1 for line in heading("a long heading " * 9).split("\n"))
