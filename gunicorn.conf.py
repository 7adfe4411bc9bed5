"""gunicorn configuration, derived from the settings (app/settings.py)."""

import http.client
import os
import resource
import shutil
import socket
import sys
import tempfile
import threading
import warnings
from contextlib import closing, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from app.errors import SettingsError
from app.settings import Settings

warnings.showwarning = lambda message, *_location: print(message, file=sys.stderr, flush=True)

try:
    _settings = Settings()
    _mode = _settings.access_mode
except SettingsError as error:
    sys.exit(str(error))

try:
    socket.getaddrinfo(_settings.host, None)
except (OSError, UnicodeError):
    # gunicorn would retry for seconds and name no setting.
    sys.exit(
        f"FACES_HOST is {_settings.host!r}. It must be an address of this machine, such as 127.0.0.1, "
        "or 0.0.0.0 or :: for all its addresses."
    )

if _mode == "open" and not _settings.loopback:
    print(
        f"FACES_ACCESS is open: everyone who reaches {_settings.host}:{_settings.port} can identify photos and see the "
        "people of the gallery.",
        file=sys.stderr,
    )

# Each connection needs a descriptor, and 1,024 is a common limit.
_open_files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65_536)
resource.setrlimit(resource.RLIMIT_NOFILE, (_open_files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

_address = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

bind = f"{_address}:{_settings.port}"
workers = _settings.workers
# Four more threads reject requests and change the gallery. Pages and health checks have their own.
threads = _settings.concurrency + _settings.queue + 4
# Database, decoders and libraries need the other descriptors.
worker_connections = max(64, min(4_096, _open_files - 256))
worker_class = "app.web.middleware.gunicorn_worker.Worker"
# TensorFlow must not be forked, so each worker loads its own network after the fork.
preload_app = False
timeout = 60
graceful_timeout = _settings.request_seconds + 5
keepalive = 5
# The worker writes answers without blocking a thread.
sendfile = False
# gunicorn's own startup lines print the address before the server is ready.
loglevel = "warning"
# gunicorn's own messages are lines of the app's log.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "app.web.middleware.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"gunicorn.error": {"level": "WARNING", "propagate": True}},
}
control_socket_disable = True
# The app trusts X-Forwarded-Proto according to FACES_PROXIES.
forwarded_allow_ips = ""
# Heartbeat files are in memory, so that a full disk stops no worker.
worker_tmp_dir = _memory

_metrics_folder = None
if _settings.metrics and not _settings.prometheus_dir:
    _metrics_folder = tempfile.mkdtemp(prefix="faces-metrics-", dir=_memory)
    # prometheus_client reads it in the workers.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics_folder


def post_worker_init(worker):
    """Start the watchdog; the first worker prints the address once it is ready."""
    from app.web.middleware import watchdog

    extensions = worker.wsgi.extensions
    watchdog.start(extensions["concurrency_limiter"], extensions["recognizer_loader"], _settings.watchdog_seconds)
    if worker.age == 1:
        threading.Thread(target=_announce, args=(worker.wsgi,), daemon=True).start()


def child_exit(server, worker):
    """Remove the live metrics of a dead worker."""
    if folder := _metrics_folder or _settings.prometheus_dir:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid, str(folder))


def on_exit(server):
    """Delete the temporary folder of metrics."""
    if _metrics_folder:
        shutil.rmtree(_metrics_folder, ignore_errors=True)


def _announce(app):
    if app.extensions["recognizer_loader"].wait():
        _warm_up_http()
        # No browser opens 0.0.0.0 or [::], which mean all addresses.
        shown = "127.0.0.1" if _settings.host in ("0.0.0.0", "::") else _address
        print(f"Ready: http://{shown}:{_settings.port}", flush=True)


def _warm_up_http():
    """Warm up HTTP before reporting ready."""
    connection = http.client.HTTPConnection(_settings.host, _settings.port, timeout=10)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz/ready")
        connection.getresponse().read()
