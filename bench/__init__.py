"""Benchmarks: accuracy, speed, memory and robustness. Each module prints its results and explains its command."""
