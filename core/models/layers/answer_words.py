# SPDX-License-Identifier: Apache-2.0

"""The answers that the embedded model was trained to choose among."""

COLOURS = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
POSITIONS = ("left", "right", "top", "bottom", "middle")
ANSWERS = ("yes", "no", *map(str, range(7)), *COLOURS, *POSITIONS)
