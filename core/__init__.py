# SPDX-License-Identifier: Apache-2.0

"""What the lab can do: models, tasks and explanations. Knows nothing of Gradio."""
