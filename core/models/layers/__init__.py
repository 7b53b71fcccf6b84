"""Torch modules and adapter bases that several families share."""
