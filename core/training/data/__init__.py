# SPDX-License-Identifier: Apache-2.0

"""Examples to train on, and where they come from."""
