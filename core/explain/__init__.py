# SPDX-License-Identifier: Apache-2.0

"""Pictures of what happened inside: results in, matplotlib figures out (no pyplot, so no shared state)."""
