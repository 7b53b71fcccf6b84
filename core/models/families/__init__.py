"""Published checkpoints: one file a family."""
