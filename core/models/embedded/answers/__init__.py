# SPDX-License-Identifier: Apache-2.0

"""How the embedded model answers: one file for each kind of question."""
