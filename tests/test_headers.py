# SPDX-License-Identifier: Apache-2.0

"""Each source file says its licence in its first lines, in the form of https://spdx.dev/learn/handling-license-info/.

To add a missing header to Python files: sed -i '1i # SPDX-License-Identifier: Apache-2.0' FILE
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEADER = "SPDX-License-Identifier: Apache-2.0"
FOLDERS = ("benchmarks", "core", "recipes", "tabs", "tests", "web")
FILES = sorted([ROOT / "app.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_names_its_licence(path):
    lines = path.read_text().splitlines()
    assert not lines or f"# {HEADER}" in lines[:2]  # an empty __init__.py holds nothing to license
