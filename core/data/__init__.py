"""Galleries and their vectors, uploads, the caption bank, and results as files."""
