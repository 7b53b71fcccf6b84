# SPDX-License-Identifier: Apache-2.0

"""A run that nothing befell, and what leaves this process as it was."""

import signal

import pytest

from core.training.run_folder import FINISHED, RunFolder
from tests.core.training.toy import laid_out, toy  # noqa: F401  a fixture
from tests.core.training.trainer.running import run


@pytest.fixture
def quiet(toy):  # noqa: F811
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing befell, and its folder's name."""
    return tmp_path_factory.mktemp("whole") / "run"


@pytest.fixture
def undisturbed(whole, quiet):
    folder = RunFolder(whole)
    if not whole.exists():
        laid_out(whole)
        assert run(folder) == FINISHED
    return folder
