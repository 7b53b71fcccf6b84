# SPDX-License-Identifier: Apache-2.0

"""Pictures of what happened inside: results in, drawings out (matplotlib without pyplot, so no figure is shared)."""
