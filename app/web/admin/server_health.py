"""Server health page for operators: versions, disk space, database, backup, expiry, queue, error rates, latencies."""

import importlib.metadata
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from flask import current_app, render_template

from app import __version__
from app.gallery.tables import now
from app.web.admin.blueprint import blueprint
from app.web.middleware.metrics import Metrics
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import current_settings

PACKAGES = ("deepface", "openvino", "opencv-python", "tensorflow", "numpy", "Pillow", "Flask", "gunicorn", "SQLAlchemy")
"""Packages whose versions the page shows."""

LOW_SPACE = 0.1
"""Free share of a disk under which the page warns."""

OLD_BACKUP = timedelta(days=7)
"""Age of the last backup from which the page warns."""

EXPIRY_DAYS = 30
"""Days ahead for which the page lists people whose record expires."""

SHOWN_ROUTES, LISTED_PEOPLE = 8, 20

_STARTED = time.monotonic()


@dataclass(frozen=True)
class Disk:
    """Bytes of the disk of a folder, and what the program keeps there."""

    holds: str
    free: int
    total: int

    @property
    def low(self) -> bool:
        """Whether little space is left."""
        return self.free < LOW_SPACE * self.total


@blueprint.get("/health")
def server_health() -> str:
    """Show the state of the server."""
    recognizer, settings = current_recognizer(), current_settings()
    status = recognizer.gallery.database_status()
    age = now() - status.backed_up if status.backed_up else None
    versions = [
        ("Whopic", __version__),
        ("Network", recognizer.network.card.id),
        ("Detector", recognizer.detector.backend),
        ("Tables of the gallery", status.tables),
        ("Database", status.system),
        ("Python", platform.python_version()),
        *_package_versions(),
    ]
    folders = [
        ("Gallery", status.folder),
        ("Library", settings.library),
        ("Temporary files", Path(tempfile.gettempdir())),
    ]
    return render_template(
        "admin/server_health.html",
        versions=versions,
        uptime=_duration(timedelta(seconds=time.monotonic() - _STARTED)),
        status=status,
        backup_age=age and _duration(age),
        backup_old=age is None or age > OLD_BACKUP,
        disks=[_disk(holds, folder) for holds, folder in folders if folder is not None and folder.is_dir()],
        traffic=cast(Metrics, current_app.extensions["metrics"]).summary(),
        settings=settings,
        expiry=recognizer.gallery.rights.list_expiry(EXPIRY_DAYS),
        expiry_days=EXPIRY_DAYS,
        shown=SHOWN_ROUTES,
        listed=LISTED_PEOPLE,
    )


@blueprint.app_template_filter("bytes")
def format_bytes(size: float) -> str:
    """Return a number of bytes with a unit: 15.9 MB."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _package_versions() -> Sequence[tuple[str, str]]:
    installed = {name: importlib.metadata.distribution(name).version for name in PACKAGES if _is_installed(name)}
    return list(installed.items())


def _is_installed(name: str) -> bool:
    return next(iter(importlib.metadata.distributions(name=name)), None) is not None


def _disk(holds: str, folder: Path) -> Disk:
    usage = os.statvfs(folder)
    return Disk(holds, usage.f_bavail * usage.f_frsize, usage.f_blocks * usage.f_frsize)


def _duration(span: timedelta) -> str:
    """Return a time span as days and hours, or as hours and minutes."""
    minutes = int(span.total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"
