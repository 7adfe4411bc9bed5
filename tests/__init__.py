"""Tests. Importing `app` first limits the threads of NumPy, which is loaded afterwards."""

import app  # noqa: F401
