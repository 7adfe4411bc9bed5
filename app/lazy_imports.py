"""Importing TensorFlow without the lines that it prints about itself."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_NOISE = (b"cudart_stub.cc", b"before absl::InitializeLog()", b"oneDNN custom operations are on")
"""What three of TensorFlow's libraries say while they load, whatever TF_CPP_MIN_LOG_LEVEL is; the third on some
processors alone."""

_LOCK = threading.Lock()


def import_quietly(name: str) -> ModuleType:
    """Import a module that brings TensorFlow along; everything but the known noise still reaches stderr.

    Args:
        name: of the module, e.g. "keras".

    Raises:
        ImportError: as `import` would.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # DeepFace prints its notices on stdout, where the command line's rows go; 50 leaves critical ones.
    os.environ.setdefault("DEEPFACE_LOG_LEVEL", "50")
    with _LOCK:
        if name in sys.modules:
            return importlib.import_module(name)
        with _filtered_stderr():
            return importlib.import_module(name)


@contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, then write it without the noise.

    The lines come from C++, past `sys.stderr`, so only the descriptor itself can be turned aside.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not any(noise in line for noise in _NOISE):
                    os.write(2, line)
