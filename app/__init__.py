"""Whopic: find faces in a photo and name the people of a gallery.

Example:
    >>> from pathlib import Path
    >>> from app import Recognizer, Settings
    >>> with Recognizer.load(Settings()) as recognizer:
    ...     for face in recognizer.identify(Path("photo.jpg")).faces:
    ...         print(face.verdict.kind, face.verdict.person)
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.errors import DetectorError, FaceError, FacesError, GalleryError, ModelError, PhotoError, SettingsError
    from app.recognition.decision import Verdict
    from app.recognition.recognizer import Recognizer
    from app.recognition.results import Comparison, Identification, IdentifiedFace
    from app.settings import Settings
    from app.vision.faces import Box

__version__ = "1.0.0"

__all__ = [
    "Box",
    "Comparison",
    "DetectorError",
    "FaceError",
    "FacesError",
    "GalleryError",
    "Identification",
    "IdentifiedFace",
    "ModelError",
    "PhotoError",
    "Recognizer",
    "Settings",
    "SettingsError",
    "Verdict",
]

_MODULES = (
    "app.errors",
    "app.settings",
    "app.vision.faces",
    "app.recognition.decision",
    "app.recognition.results",
    "app.recognition.recognizer",
)
"""Modules of the public names, the fastest to import first."""

# NumPy reads it when it is imported. Threads of OpenBLAS slow down decoding, detection and embedding.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Unless this import fails, OpenVINO reports each start, with an ID of the machine, to its maker.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def __getattr__(name: str) -> Any:
    """Import a public name on first use: NumPy and OpenVINO take a second."""
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
