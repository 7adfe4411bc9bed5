"""Host header validation, CSRF protection by Sec-Fetch-Site and Origin, and trusted proxies."""

import re
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.exceptions import Forbidden, MisdirectedRequest
from werkzeug.middleware.proxy_fix import ProxyFix

from app.errors import SettingsError
from app.settings import Settings
from app.web.auth import is_cross_site
from app.web.middleware import SAFE_METHODS
from app.web.middleware.cors import allowed_origin

_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:]*:[0-9a-f:.]*")
"""A host name with an optional leading dot, or an IPv6 address."""


def install(app: Flask, settings: Settings) -> None:
    """Reject requests for other host names and from pages of other sites, and trust the proxies of the settings."""
    hosts = settings.allowed_hosts
    for name in hosts:
        if not _HOST.fullmatch(name):
            raise SettingsError(
                f"FACES_TRUSTED_HOSTS has {name!r}. Use auto, or host names and addresses with commas, without http:// "
                "and port: faces.example,.corp.example (a leading dot includes all subdomains)."
            )

    def check() -> None:
        # Health checks use the address of the process, so any host name is accepted.
        if hosts and not request.path.startswith("/healthz/") and not _is_trusted(request.host, hosts):
            raise MisdirectedRequest("This host name is not in FACES_TRUSTED_HOSTS.")
        if request.method not in SAFE_METHODS and is_cross_site() and allowed_origin() is None:
            raise Forbidden("The request came from a page of another site.")

    app.before_request(check)
    if settings.proxies:
        proxy_fix = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=0)
        app.wsgi_app = proxy_fix  # type: ignore[method-assign]


def _is_trusted(host: str, trusted: list[str]) -> bool:
    try:
        # Werkzeug's own comparison does not support IPv6 addresses.
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return any(name == entry or (entry.startswith(".") and name.endswith(entry)) for entry in trusted)
