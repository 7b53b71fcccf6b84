# SPDX-License-Identifier: Apache-2.0

"""Starts training processes, watches them, and adopts those of an earlier app."""
