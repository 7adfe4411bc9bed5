"""How gunicorn serves. Everything that an operator changes is a setting (see app/settings.py)."""

import http.client
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
from contextlib import closing, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from app.errors import SettingsError
from app.settings import Settings

try:
    _settings = Settings.from_environment()
except SettingsError as error:
    sys.exit(str(error))

_address = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

bind = f"{_address}:{_settings.port}"
workers = _settings.workers
# Beside the requests worked on and those in the queue there have to be threads that say no, answer probes, and
# wait for photos that arrive slowly.
threads = _settings.threads + _settings.queue + 16
worker_class = "app.web.middleware.gunicorn_worker.Worker"
# TensorFlow must not be forked: each worker loads its own network after it has forked.
preload_app = False
timeout = 60
graceful_timeout = _settings.request_seconds + 5
keepalive = 5
# gunicorn's own lines at start name the address before anybody can be served there.
loglevel = "warning"
control_socket_disable = True
# Nobody's X-Forwarded-Proto is believed here; FACES_PROXIES decides, in the app.
forwarded_allow_ips = ""
# The workers' heartbeats are files: in memory, so that a full disk stops nobody.
worker_tmp_dir = _memory

if _settings.metrics and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="faces-metrics-", dir=_memory)
    _own_figures = os.environ["PROMETHEUS_MULTIPROC_DIR"]
else:
    _own_figures = None


def when_ready(server):
    """Let no connection keep a thread waiting for ever: those accepted inherit this from the socket they came by."""
    for listener in server.LISTENERS:
        seconds = struct.pack("ll", _settings.body_seconds, 0)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)


def post_worker_init(worker):
    """Watch the worker, and print the address once the first one can serve."""
    from app.web.middleware import watchdog

    extensions = worker.wsgi.extensions
    watchdog.start(extensions["gate"], extensions["loading"], _settings.stuck_seconds)
    if worker.age == 1:
        threading.Thread(target=_announce, args=(worker.wsgi,), daemon=True).start()


def child_exit(server, worker):
    """Take the figures of a worker that is gone out of those that tell of the present."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(server):
    """Leave nothing behind."""
    if _own_figures:
        shutil.rmtree(_own_figures, ignore_errors=True)


def _announce(app):
    if app.extensions["loading"].wait():
        _knock()
        print(f"Ready: http://{_address}:{_settings.port}", flush=True)


def _knock():
    """Ask whether the server is ready, as whatever watches over servers does: no visitor is the first of all."""
    connection = http.client.HTTPConnection(_settings.host, _settings.port, timeout=10)
    # Whoever tries next is told that nobody answers.
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz/ready")
        connection.getresponse().read()
