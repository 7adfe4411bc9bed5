"""Embeddings in the database: validation, and float32 vectors of unit length as little-endian bytes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from app.arrays import FloatArray
from app.errors import InvalidEmbeddings

_STORED: np.dtype[np.float32] = np.dtype("<f4")


def unit_rows(embeddings: ArrayLike) -> FloatArray:
    """Validate embeddings, float (anchors, dims), and return them at unit length as float32."""
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2:
        raise InvalidEmbeddings(f"Expected embeddings of shape (anchors, dims), got {rows.shape}.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths < 1e-6).any():
        raise InvalidEmbeddings("An embedding is zero or not finite.")
    return np.asarray(rows / lengths, dtype=np.float32)


def to_bytes(embedding: FloatArray) -> bytes:
    """Serialize one embedding, float32 (dims,)."""
    return embedding.astype(_STORED).tobytes()


def from_bytes(blobs: Sequence[bytes]) -> FloatArray:
    """Read at least one serialized embedding: float32 (anchors, dims)."""
    return np.frombuffer(b"".join(blobs), dtype=_STORED).reshape(len(blobs), -1).astype(np.float32)
