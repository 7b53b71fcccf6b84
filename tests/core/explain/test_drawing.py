# SPDX-License-Identifier: Apache-2.0

"""What a page is given: an SVG in its own colours and font, with nothing of a visitor's that could be markup."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from core.explain import scores
from core.explain._style import BLUE, INK, ORANGE, WIDTH
from core.explain._tiles import Tile, tile_figure
from core.explain.drawing import Drawing
from core.results import Classification

HOSTILE = [
    "<script>alert(1)</script> & \"'",
    "$x^{2}$ #000000 $",
    "قطة على الأريكة",
    "👩\u200d🚀 \u202egnirts",
    'font-family: x; id="y" url(#z)',
    "W" * 200,
]
SPACE = "{http://www.w3.org/2000/svg}"


def classified(labels):
    n = len(labels)
    values = [[(n - i) / n for i in range(n)]]
    return Classification(labels, values, values, values, "softmax", False)


@pytest.fixture(scope="module")
def drawing():
    return scores.drawing(classified(HOSTILE))


@pytest.fixture(scope="module")
def svg(drawing):
    return drawing.svg()


def words(svg):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SPACE}text")]


def test_the_root_scales_and_is_named_by_the_finding(drawing, svg):
    root = ElementTree.fromstring(svg)
    assert svg.startswith("<svg ")
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == drawing.finding
    assert drawing.finding.startswith("“<script>alert(1)</script> & \"'” has the highest")
    assert not {"width", "height"} & root.attrib.keys()
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    assert (left, top, width) == (0, 0, pytest.approx(72 * WIDTH))
    assert height == pytest.approx(72 * drawing.figure.get_figheight())


def test_what_was_typed_is_text(svg):
    shown = words(svg)
    assert HOSTILE[0] in shown
    assert "$x^{2}$ #000000 $" in shown
    assert HOSTILE[2] in shown
    assert "👩\u200d🚀 �gnirts" in shown  # joined letters stay joined, what turns a line around goes
    assert HOSTILE[4] in shown
    (long,) = {text for text in shown if text.startswith("WWW")}
    assert 15 < len(long) <= 40
    assert long.endswith("…")
    assert "<script" not in svg


def test_nothing_is_of_another_host_or_of_the_whole_page(svg):
    assert set(re.findall(r"https?://[^\"' ]*", svg)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"<style|<!|<\?|metadata", svg)


def test_the_page_gives_ink_font_and_ground(svg):
    tags = " ".join(re.findall(r"<[^>]*>", svg.partition(">")[2]))
    assert "font-family" not in tags
    assert INK not in tags
    assert "#ffffff" not in tags
    assert "stroke: currentColor" in tags
    colours = {colour.upper() for colour in re.findall(r"#[0-9a-f]{6}\b", tags)}
    assert colours == {BLUE, ORANGE, "#999999"}
    sizes = {float(size) for size in re.findall(r"font-size: ([\d.]+)px", tags)}
    assert min(sizes) >= 12


def test_ids_are_its_own_each_time(drawing, svg):
    def named(text):
        return set(re.findall(r' id="([^"]+)"', "".join(re.findall(r"<[^>]*>", text))))

    other = drawing.svg()
    assert named(svg)
    assert not named(svg) & named(other)
    for text in (svg, other):
        tags = "".join(re.findall(r"<[^>]*>", text))
        meant = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', tags))
        assert meant
        assert {first or second for first, second in meant} <= named(text)


def test_a_file_stands_alone_in_black_on_white(drawing):
    file = drawing.file()
    assert file.startswith(b"<?xml")
    root = ElementTree.fromstring(file)
    assert root.attrib["width"] == "345.6pt"
    assert root.find(f"{SPACE}title").text == drawing.finding
    assert b"currentColor" not in file
    assert b"#ffffff" in file
    assert HOSTILE[0] in words(file)
    assert not re.search(rb"purl|matplotlib.org|DOCTYPE", file)


def test_pictures_are_small_and_cells_stay_sharp():
    noise = np.random.default_rng(0).integers(0, 40, (150, 210, 3), np.uint8)
    photo = Image.fromarray(noise + np.arange(210, dtype=np.uint8)[None, :, None])
    svg = Drawing(tile_figure([Tile("a", photo), Tile("b", photo.resize((8, 6)))], 0.7), "x").svg()
    kinds = re.findall(r'href="data:image/(\w+);base64,', svg)
    assert kinds == ["jpeg", "png"]
    assert len(svg) < 40_000
    data = re.search(r"jpeg;base64,([^\"]*)", svg)[1]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), int)
    assert np.abs(shown - np.asarray(photo)).mean() < 12
