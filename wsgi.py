"""WSGI application: `gunicorn wsgi:app`."""

import ctypes
import sys

from gunicorn.arbiter import Arbiter

from app.errors import SettingsError
from app.settings import Settings
from app.web.factory import create_app
from app.web.middleware import logs

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
_LARGE_BYTES = 4_000_000


def _limit_heaps(arenas: int) -> None:
    """Limit the memory that glibc keeps after it was freed: 50 MB in the heap of each thread, and that of pictures."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_ARENA_MAX, arenas)
        # Without it, glibc soon takes memory for pictures from the heap, and returns little of it.
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


try:
    settings = Settings()
    _limit_heaps(settings.malloc_arenas)
    logs.configure(settings.log)
    app = create_app(settings)
except SettingsError as error:
    print(error, file=sys.stderr, flush=True)
    # With this exit code gunicorn does not start the worker again.
    sys.exit(Arbiter.WORKER_BOOT_ERROR)
