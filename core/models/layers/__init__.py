# SPDX-License-Identifier: Apache-2.0

"""Torch modules and adapter bases that several families share."""
