# SPDX-License-Identifier: Apache-2.0

"""The offline default: two pretrained towers joined by ASIF, and the small heads trained on top of them."""
