"""Face identification: DeepFace finds faces, a Siamese network compares them with the people of a gallery."""

import ctypes
import os

# Before NumPy is imported. Ranking multiplies small matrices, for which threads of OpenBLAS would only take cores from
# decoding, detection and embedding.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_ARENA_MAX, _ARENAS = -8, 2
"""The option of glibc's mallopt, and a value for it."""

# Before there are threads, each of which would get a heap of its own that keeps what was freed: 50 MB more in a server
# (`bench.start`). Other C libraries have no such option.
if "MALLOC_ARENA_MAX" not in os.environ and hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
