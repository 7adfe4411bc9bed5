"""Write files so that a crash or a full disk never leaves half of one."""

import os
from pathlib import Path


def write_file(path: Path, data: bytes) -> None:
    """Write a file completely, or raise OSError and keep the old content. Pipes and devices have none to keep."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    incomplete = path.with_name(f".{path.name}.part")
    try:
        with incomplete.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        incomplete.replace(path)
    except BaseException:
        incomplete.unlink(missing_ok=True)
        raise
