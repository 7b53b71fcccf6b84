# SPDX-License-Identifier: Apache-2.0

"""Training objectives, one file each; files that begin with _ hold what several of them share."""
