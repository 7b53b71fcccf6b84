# SPDX-License-Identifier: Apache-2.0

"""What a run without a browser says: skipped and told at the end, but an error in CI."""

from types import SimpleNamespace

import pytest

from tests.conftest import pytest_terminal_summary
from tests.ui import find_browser


@pytest.fixture(autouse=True)
def _empty_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))  # neither a browser nor apt-get


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_only_ci_insists_on_a_browser(monkeypatch, capsys, ci, code):
    monkeypatch.setenv("CI", ci)
    assert find_browser.main() == code
    assert (
        capsys.readouterr().out
        == "browser tests: none, no chromium on the PATH, and this is no Debian to install it on\n"
    )


def test_the_end_of_the_run_names_skipped_browser_tests():
    def skipped(nodeid, why):
        return SimpleNamespace(nodeid=nodeid, longrepr=("file", 1, f"Skipped: {why}"))

    reports = [skipped("tests/ui/test_a.py::a", "no chromium"), skipped("tests/ui/test_a.py::b", "no chromium")]
    lines = []
    reporter = SimpleNamespace(
        stats={"skipped": [*reports, skipped("tests/test_b.py::c", "no CUDA")]},
        section=lambda title, **_: lines.append(title),
        line=lines.append,
    )
    pytest_terminal_summary(reporter)
    assert lines == ["browser tests did not run", "2 skipped: no chromium"]
