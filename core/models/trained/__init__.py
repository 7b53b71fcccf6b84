"""Models that training runs make: one file a kind of result."""
