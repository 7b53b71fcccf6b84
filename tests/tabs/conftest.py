"""The very app that `python app.py` serves, once for all tests here, over the hub's cache of tiny checkpoints."""

import socket

import pytest

import app
from core.settings import Settings


@pytest.fixture(scope="session")
def settings(tmp_path_factory, hub_cache):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = tmp_path_factory.mktemp("kept")
    return Settings(port=port, device="cpu", galleries=str(kept), pictures=str(kept / "pictures"))


@pytest.fixture(scope="session")
def page(settings):
    page = app.build(settings)
    page.launch(**app.launch_options(settings), prevent_thread_lock=True, quiet=True)
    yield page
    page.close()


@pytest.fixture(scope="session")
def url(page, settings):
    return f"http://127.0.0.1:{settings.port}/"


@pytest.fixture
def client(url):
    from gradio_client import Client

    return Client(url, verbose=False)
