# SPDX-License-Identifier: Apache-2.0

"""Training runs: the tab where everyone sees the finished ones, and the admin's page, served at /admin to whom the gate
admits."""

from __future__ import annotations

from tabs._lab import Tab
from tabs._texts import texts
from tabs.admin.visitors import build

TAB = Tab("admin", texts("admin").title, 90, build)
