# SPDX-License-Identifier: Apache-2.0

"""A refusal is plain and tells nothing of this machine."""

import re

from tests.test_architecture import ROOT

LEAKS = re.compile(rf"Traceback|site-packages|File \"|root:|{ROOT}|/home/|Original error")


def refusal(raw, endpoint="classify", **changes):
    answered, text = raw.ask(endpoint, **changes)
    assert not answered, text[:300]
    assert not LEAKS.search(text), text[:500]
    return text
