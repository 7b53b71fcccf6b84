# SPDX-License-Identifier: Apache-2.0

"""What stands between the network and the page. Knows Gradio and Starlette, no models."""
