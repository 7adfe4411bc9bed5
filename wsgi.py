"""What a WSGI server serves: `gunicorn wsgi:app`."""

import sys

from gunicorn.arbiter import Arbiter

from app.factory import create_app
from app.serving import logs
from app.settings import Settings, SettingsError

try:
    settings = Settings.from_environment()
    logs.configure(settings.log)
    app = create_app(settings)
except SettingsError as error:
    print(error, file=sys.stderr, flush=True)
    # gunicorn starts another worker for one that ends, and another, but for this code.
    sys.exit(Arbiter.WORKER_BOOT_ERROR)
