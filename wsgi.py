"""What a WSGI server serves: `gunicorn wsgi:app`."""

import sys

from gunicorn.arbiter import Arbiter

from app.errors import SettingsError
from app.settings import Settings
from app.web.factory import create_app
from app.web.middleware import logs

try:
    settings = Settings.from_environment()
    logs.configure(settings.log)
    app = create_app(settings)
except SettingsError as error:
    print(error, file=sys.stderr, flush=True)
    # gunicorn starts another worker for one that ends, and another, but for this code.
    sys.exit(Arbiter.WORKER_BOOT_ERROR)
