"""How the embedded model answers: one file for each kind of question."""
