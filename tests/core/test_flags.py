# SPDX-License-Identifier: Apache-2.0

import pytest

from core.settings import Settings
from core.version import VERSION


def test_help_explains_every_flag(capsys):
    with pytest.raises(SystemExit) as done:
        Settings.from_args(["--help"])
    text = capsys.readouterr().out
    assert done.value.code == 0
    assert f"VLM Lab {VERSION}:" in text
    for flag in (
        "--host",
        "--port",
        "--models FOLDER",
        "--profile {embedded,hub}",
        "--device",
        "--galleries",
        "--pixels-mb",
    ):
        assert flag in text


@pytest.mark.parametrize(
    "flags",
    [
        ["--port", "99999"],
        ["--models", "/no/such/folder"],
        ["--profile", "best"],
        ["--pixels-mb", "0"],
        ["--upload-quota-mb", "0"],
    ],
)
def test_nonsense_is_refused_at_the_start(flags, capsys):
    with pytest.raises(SystemExit) as done:
        Settings.from_args(flags)
    assert done.value.code == 2
    assert flags[0] in capsys.readouterr().err


@pytest.mark.parametrize("flags", ["--galleries '/data", "--no-such-flag"])
def test_nonsense_in_the_environment_is_refused_at_the_start(flags, capsys):
    with pytest.raises(SystemExit) as done:
        Settings.from_args([], env={"VLM_LAB_FLAGS": flags})
    assert done.value.code == 2
    assert flags.split()[0] in (error := capsys.readouterr().err) or "VLM_LAB_FLAGS" in error
