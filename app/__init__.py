"""Tells who is in a photo: DeepFace finds the faces, a Siamese network compares them with cached anchors."""

import ctypes
import os

# Before NumPy is imported. The threads of its matrix products stay awake long after each product, and take the cores
# from those that decode, detect and embed: a photo would take longer by a quarter (`bench.awake`).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_ARENA_MAX, _ARENAS = -8, 2
"""The option of glibc's mallopt, and a value for it."""

# Before there are threads, each of which would get a heap of its own that keeps what was freed: 50 MB more in a server
# (`bench.start`). Other C libraries have no such option.
if "MALLOC_ARENA_MAX" not in os.environ and hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
