"""The reason why a photo has no faces, for its row. Imports nothing heavy: see `process_pool`."""

from __future__ import annotations

import traceback
from typing import NamedTuple

from app.text import first_line

WORKER_CRASHED, PROCESSING_FAILED = "worker_crashed", "processing_failed"
"""Error codes of a photo that crashed its worker, and of one that raised an unexpected exception there."""


class Failure(NamedTuple):
    """The reason why a photo could not be processed: a stable code, and a sentence."""

    code: str
    message: str

    @classmethod
    def crash(cls, reason: str) -> Failure:
        """Return the failure of a photo that crashed its worker."""
        hint = "It may need more memory than the machine has."
        return cls(WORKER_CRASHED, f"The photo crashed its worker ({reason}). {hint}")

    @classmethod
    def exception(cls, error: Exception) -> Failure:
        """Return the failure of a photo whose processing raised an unexpected exception."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {first_line(error)}, in {frame.filename}, line {frame.lineno}"
        return cls(PROCESSING_FAILED, f"Processing the photo failed ({reason}). Try again with --retry, or report it.")
