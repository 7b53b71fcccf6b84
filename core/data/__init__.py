# SPDX-License-Identifier: Apache-2.0

"""Galleries and their vectors, uploads, the caption bank, and results as files."""
