"""Embeddings in the gallery: float32 rows of length 1, little-endian bytes in SQL."""

from __future__ import annotations

import numpy as np

from app.errors import InvalidEmbeddings

STORED = np.dtype("<f4")
"""How a number of an embedding is stored."""


def unit_rows(embeddings: np.ndarray) -> np.ndarray:
    """Check embeddings and bring them to length 1.

    Args:
        embeddings: float (anchors, dims); no anchors at all is allowed.

    Returns:
        float32 (anchors, dims), every row of length 1.

    Raises:
        InvalidEmbeddings: not a matrix, or a row that is not finite or has no direction.
    """
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2:
        raise InvalidEmbeddings(f"Embeddings are a matrix of anchors x dims; these have the shape {rows.shape}.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths < 1e-6).any():
        raise InvalidEmbeddings("An embedding is zero or not finite, so it cannot be compared.")
    return (rows / lengths).astype(np.float32)


def to_bytes(embedding: np.ndarray) -> bytes:
    """One embedding, float32 (dims,), as it is stored."""
    return embedding.astype(STORED).tobytes()


def from_bytes(blobs: list[bytes], dims: int) -> np.ndarray:
    """Stored embeddings as a matrix: float32 (anchors, dims)."""
    return np.frombuffer(b"".join(blobs), dtype=STORED).reshape(len(blobs), dims).astype(np.float32)


def dims_of(blob: bytes) -> int:
    """Length of a stored embedding."""
    return len(blob) // STORED.itemsize
