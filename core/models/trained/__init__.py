# SPDX-License-Identifier: Apache-2.0

"""Models that training runs make: one file a kind of result."""
