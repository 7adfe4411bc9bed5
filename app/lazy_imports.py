"""Import TensorFlow, Keras and DeepFace on first use and without their log noise."""

import importlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType

# These lines ignore TF_CPP_MIN_LOG_LEVEL.
_NOISE = (b"cudart_stub.cc", b"before absl::InitializeLog()", b"oneDNN custom operations are on")
_LOCK = threading.Lock()


def import_quietly(name: str) -> ModuleType:
    """Import a module by its absolute name, such as `keras`, and drop TensorFlow's known noise from stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # DeepFace logs to stdout, which belongs to the command line's rows. 50 is CRITICAL.
    os.environ.setdefault("DEEPFACE_LOG_LEVEL", "50")
    with _LOCK, nullcontext() if name in sys.modules else _filtered_stderr():
        return importlib.import_module(name)


@contextmanager
def _filtered_stderr() -> Iterator[None]:
    # C++ code writes to file descriptor 2, past `sys.stderr`.
    sys.stderr.flush()
    with tempfile.TemporaryFile() as buffer:
        stderr = os.dup(2)
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            buffer.seek(0)
            for line in buffer:
                if not any(noise in line for noise in _NOISE):
                    os.write(2, line)
