"""Examples to train on, and where they come from."""
