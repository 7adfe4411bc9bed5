"""What a WSGI server serves: `gunicorn wsgi:app`."""

import sys

from app.factory import create_app
from app.serving import logs
from app.settings import Settings, SettingsError

try:
    settings = Settings.from_environment()
    logs.configure(settings.log)
    app = create_app(settings)
except SettingsError as error:
    sys.exit(str(error))
