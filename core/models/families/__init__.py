# SPDX-License-Identifier: Apache-2.0

"""Published checkpoints: one file a family."""
