# SPDX-License-Identifier: Apache-2.0

"""The one place that says which release this is: pyproject.toml, the page and `--help` read it here."""

VERSION = "0.5.0"
