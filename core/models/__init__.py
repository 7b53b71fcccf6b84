# SPDX-License-Identifier: Apache-2.0

"""Every checkpoint that the lab offers: the built-in model, published families, and what training runs made."""
