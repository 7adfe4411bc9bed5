"""Tells who is in a photo: DeepFace finds the faces, a Siamese network compares them with cached anchors."""

import os

# Before NumPy is imported. The threads of its matrix products stay awake long after each product, and take the cores
# from those that decode, detect and embed: a photo would take half as long again (`bench.awake`). `ranking` shares out
# large products itself.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
