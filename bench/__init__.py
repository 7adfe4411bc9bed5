"""Benchmarks: accuracy, speed, memory and robustness. Each module prints its results and explains its command."""

import app  # noqa: F401  (before NumPy, which reads the number of threads when it is imported)
