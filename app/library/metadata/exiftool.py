"""XMP inside photos, read and written by ExifTool in one process for all photos.

See https://exiftool.org/exiftool_pod.html, -stay_open and -@: arguments come as lines, so no file name is an option.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import IO, NamedTuple, Self

from app.errors import LibraryError
from app.library.metadata.packet import MetadataError

SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .heic .heif .hif .tif .tiff".split())
"""File name endings of photos into which names are embedded."""

_SECONDS = 60
_STOP_SECONDS = 10
_READY = b"{ready}\n"
_EXTENDED = "HasExtendedXMP"


class EmbeddedMetadata(NamedTuple):
    """XMP packet of a photo, None without one, and its EXIF orientation, 1 ... 8."""

    xmp: bytes | None
    orientation: int


class ExifTool:
    """A running ExifTool. A context manager."""

    def __init__(self) -> None:
        program = shutil.which("exiftool")
        if program is None:
            raise LibraryError(
                "--embed needs ExifTool, which is not installed. Install it (Debian: libimage-exiftool-perl, macOS: "
                "exiftool), or write sidecars without --embed."
            )
        self._program = program
        self._files = tempfile.TemporaryDirectory(prefix="faces-")
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._process is not None:
            self._stop(self._process)
        self._errors.close()
        self._files.cleanup()

    def read(self, photo: bytes) -> EmbeddedMetadata:
        """Read the metadata of a photo by the bytes of its absolute path, or raise `MetadataError`."""
        output, error = self._run(b"-j", b"-b", b"-XMP", b"-IFD0:Orientation#", photo)
        try:
            fields = json.loads(output)[0]
        except (ValueError, LookupError) as problem:
            raise MetadataError(error or "ExifTool cannot read the file") from problem
        text = str(fields.get("XMP") or "")
        if _EXTENDED in text:
            raise MetadataError("its XMP has several parts (extended XMP)")
        prefix = "base64:"
        data = base64.b64decode(text.removeprefix(prefix)) if text.startswith(prefix) else text.encode()
        orientation = fields.get("Orientation")
        return EmbeddedMetadata(data or None, orientation if orientation in range(1, 9) else 1)

    def write(self, photo: bytes, xmp: bytes | None) -> None:
        """Replace the XMP packet of a photo, or remove it, or raise `MetadataError`.

        The original becomes `FILE_original`, unless that exists. The time of change stays.
        """
        packet = Path(self._files.name, "packet.xmp")
        packet.write_bytes(xmp or b"")
        source = b"-XMP<=" + bytes(packet) if xmp else b"-XMP="
        output, error = self._run(b"-P", source, photo)
        if b"1 image files updated" not in output:
            raise MetadataError(error or "ExifTool cannot write the file")

    def _run(self, *arguments: bytes) -> tuple[bytes, str]:
        """Run one command, and return its output and the first error."""
        if b"\n" in arguments[-1]:
            raise MetadataError("its name has a line break, which ExifTool cannot read")
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        self._errors.seek(0)
        self._errors.truncate()
        watchdog = Timer(_SECONDS, process.kill)
        watchdog.start()
        output = b""
        try:
            process.stdin.write(b"\n".join((*arguments, b"-execute\n")))
            process.stdin.flush()
            while not output.endswith(_READY):
                if not (line := process.stdout.readline()):
                    raise BrokenPipeError
                output += line
        except BrokenPipeError as error:
            # The next photo starts it again.
            self._process = None
            self._stop(process)
            raise MetadataError(f"ExifTool failed, or took over {_SECONDS} seconds") from error
        finally:
            watchdog.cancel()
        self._errors.seek(0)
        return output.removesuffix(_READY), _explain(self._errors.read(), arguments[-1])

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            # The user's configuration is Perl code that may change what tags mean.
            [self._program, "-config", "", "-stay_open", "True", "-@", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        """End the process after its command: a killed one leaves a temporary file beside the photo."""
        with suppress(BrokenPipeError), process:
            with suppress(BrokenPipeError, subprocess.TimeoutExpired):
                process.communicate(b"-stay_open\nFalse\n", timeout=_STOP_SECONDS)
            process.kill()


def _explain(errors: bytes, photo: bytes) -> str:
    """Return the first error without the name of the photo."""
    for line in errors.decode("utf-8", "replace").splitlines():
        if line.startswith("Error"):
            message = line.removeprefix("Error:").removesuffix(photo.decode("utf-8", "replace")).strip(" -")
            return f"ExifTool: {message}"
    return ""
