"""How gunicorn serves. Everything that an operator changes is a setting (see app/settings.py)."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from app.settings import Settings, SettingsError

try:
    _settings = Settings.from_environment()
except SettingsError as error:
    sys.exit(str(error))

_address = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"{_address}:{_settings.port}"
workers = _settings.workers
threads = _settings.threads
worker_class = "gthread"
# TensorFlow must not be forked: each worker loads its own network after it has forked.
preload_app = False
timeout = 120
graceful_timeout = 30
keepalive = 5
# gunicorn's own lines at start name the address before anybody can be served there.
loglevel = "warning"
control_socket_disable = True


def post_worker_init(worker):
    """Print the address once the first worker can serve."""
    if worker.age == 1:
        threading.Thread(target=_announce, args=(worker.wsgi,), daemon=True).start()


def _announce(app):
    if app.extensions["loading"].wait():
        print(f"Ready: http://{_address}:{_settings.port}", flush=True)
