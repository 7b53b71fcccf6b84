# SPDX-License-Identifier: Apache-2.0

"""Find a browser for the tests under tests/ui, installing Debian's chromium where that is possible.

`make test` runs it before pytest. Without a browser those tests are skipped, which the end of the run says; in CI, where the
variable CI is set, this command and those tests fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def why_not() -> str:
    if shutil.which("apt-get") is None:
        return "no chromium on the PATH, and this is no Debian to install it on"
    if os.geteuid() != 0:
        return "no chromium on the PATH, and only root may install it: apt-get install chromium"
    return "no chromium on the PATH, and apt-get could not install it"


def install() -> None:
    if browser() or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", *command], env=environment, stdout=subprocess.DEVNULL, check=False)


def main() -> int:
    install()
    if found := browser():
        print(f"browser tests: {found}")
        return 0
    print(f"browser tests: none, {why_not()}")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
