"""Starts training processes, watches them, and adopts those of an earlier app."""
