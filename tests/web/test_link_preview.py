# SPDX-License-Identifier: Apache-2.0

"""What a link to the lab looks like elsewhere."""

import re

import httpx

from web.link_preview import DESCRIPTION


def test_a_link_shows_the_labs_own_title_description_and_picture(url):
    page = httpx.get(url + "?tab=ask&picture=kitten-yarn-ball.jpg").text
    tags = dict(re.findall(r'<meta property="(og:\w+)" content="([^"]*)"', page))
    assert tags["og:title"] == "VLM Lab"
    assert tags["og:description"] == DESCRIPTION
    assert tags["og:url"].startswith(url)
    assert len(re.findall("og:title", page)) == 1
    assert "gradio-app/gradio" not in page.split("<body")[0].split("window.gradio_config")[0]
    picture = httpx.get(tags["og:image"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert len(picture.content) > 10_000


def test_an_address_cannot_put_markup_into_the_page(url):
    page = httpx.get(url, params={"tab": '"><script>alert(1)</script>'}).text
    assert "<script>alert(1)" not in page


def test_the_favicon_is_the_labs(url):
    assert "svg" in httpx.get(url + "favicon.ico").headers["content-type"]
