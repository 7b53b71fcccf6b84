"""One file a learning strategy."""
