"""What the lab can do: models, tasks and explanations. Knows nothing of Gradio."""
