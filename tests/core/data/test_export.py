# SPDX-License-Identifier: Apache-2.0

import csv
import io

from core.data.export import csv_text


def test_formulas_are_neutralised_and_numbers_stay_numbers():
    cells = ["=cmd()", "+1", "-1", "@sum", "  =x", "\t=x", "plain", -0.5, 'a,b\n"c"', "nul\0", "\ud800", "🐈 قطة"]
    read = list(csv.reader(io.StringIO(csv_text(["label"], [[cell] for cell in cells]))))
    assert [row[0] for row in read[1:]] == ["'=cmd()", "'+1", "'-1", "'@sum", "'  =x", "'\t=x", "plain", "-0.5", 'a,b\n"c"', "nul ", "?", "🐈 قطة"]  # fmt: skip
