"""One command a bench; each prints a table."""
