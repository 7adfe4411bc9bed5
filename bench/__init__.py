"""One command a bench; each prints a table."""

import app  # noqa: F401  Before NumPy, as in the program: it sets what NumPy reads when it is imported.
