"""WSGI application: `gunicorn wsgi:app`."""

import ctypes
import sys

from gunicorn.arbiter import Arbiter

from app.errors import SettingsError
from app.settings import Settings
from app.web.factory import create_app
from app.web.middleware import logs

_M_ARENA_MAX = -8


def _limit_arenas(arenas: int) -> None:
    """Limit the heaps that glibc makes for threads; each keeps freed memory (`bench.start`: 50 MB)."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_ARENA_MAX, arenas)


try:
    settings = Settings()
    _limit_arenas(settings.malloc_arenas)
    logs.configure(settings.log)
    app = create_app(settings)
except SettingsError as error:
    print(error, file=sys.stderr, flush=True)
    # With this exit code gunicorn does not start the worker again.
    sys.exit(Arbiter.WORKER_BOOT_ERROR)
