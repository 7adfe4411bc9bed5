"""Modules with heavy imports load them on first use."""

import subprocess
import sys

import pytest

from app.settings import ROOT

HEAVY = {"tensorflow", "keras", "tf_keras", "deepface", "openvino", "ray", "matplotlib", "onnx"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("app.web.factory", {"pyarrow"}),
        ("app.cli.common", {"pyarrow", "numpy", "cv2", "sqlalchemy", "flask"}),
        ("app.recognition.recognizer", {"pyarrow", "flask"}),
        ("app.batch.job", {"flask"}),
        ("app.library.search", {"flask", "pyarrow"}),
    ],
)
def test_heavy_modules_are_imported_lazily(module, heavy):
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (HEAVY | heavy)
