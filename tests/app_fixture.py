# SPDX-License-Identifier: Apache-2.0

"""The very app that `python app.py` serves, once for all tests, over the hub's cache of tiny checkpoints."""

import socket
from pathlib import Path

import pytest

ADMIN_PASSWORD = "correct horse battery staple"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def settings(tmp_path_factory, hub_cache):
    from core.settings import Settings

    kept = tmp_path_factory.mktemp("kept")
    return Settings(
        port=free_port(),
        device="cpu",
        trust_proxy="127.0.0.1",
        galleries=str(kept),
        pictures=str(kept / "pictures"),
        admin_password=ADMIN_PASSWORD,
        runs=tmp_path_factory.mktemp("runs"),
    )


@pytest.fixture(scope="session")
def app_lab(settings):
    import app

    return app.open_lab(settings)


@pytest.fixture(scope="session")
def page(app_lab):
    import app

    page = app.build(app_lab)
    page.launch(**app.launch_options(app_lab), prevent_thread_lock=True, quiet=True)
    yield page
    page.close()


@pytest.fixture(scope="session")
def url(page, settings):
    return f"http://127.0.0.1:{settings.port}/"


@pytest.fixture(scope="session")
def client(url):
    """One for all tests: each reads the page's whole configuration when it begins."""
    from gradio_client import Client

    return Client(url, verbose=False)


@pytest.fixture(scope="module")
def few(settings, tmp_path_factory):
    """Eight captioned pictures, kept as a gallery."""
    from core.data.bundled import bundled
    from core.data.galleries import Gallery
    from core.data.store import Store

    store = Store(settings.galleries, Path(settings.pictures))
    gallery = Gallery("a few to train on", tmp_path_factory.mktemp("few"))
    gallery.add([(Path(item.path), item.caption) for item in bundled().items[:8]])
    store.keep(gallery, "a few to train on")
    yield "gallery:a few to train on"
    store.delete("a few to train on")
