"""Who may ask: known host names, known proxies, and no other site's pages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.exceptions import Forbidden, MisdirectedRequest
from werkzeug.middleware.proxy_fix import ProxyFix

from app.errors import SettingsError
from app.settings import Settings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_PROBES = "/healthz/"
"""Whoever looks whether a process is well asks at its address, by no name."""

_NAME = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:]*:[0-9a-f:.]*")
"""A host name, perhaps with a dot in front, or an IPv6 address."""


def install(app: Flask, settings: Settings) -> None:
    """Refuse requests for foreign host names and from foreign pages; believe as many proxies as the settings say.

    Raises:
        SettingsError: a host name cannot be one.
    """
    hosts = settings.allowed_hosts
    for name in hosts:
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"FACES_TRUSTED_HOSTS has {name!r}; it can be auto, or host names and addresses with commas, without "
                "http:// and port: faces.example,.corp.example (a dot in front stands for all below)."
            )

    def refuse() -> None:
        if hosts and not request.path.startswith(_PROBES) and not _is_known(request.host, hosts):
            raise MisdirectedRequest("This server is not known by that name; FACES_TRUSTED_HOSTS lists its names.")
        if request.method not in _SAFE and _is_foreign():
            raise Forbidden("The request came from a page of another site.")

    app.before_request(refuse)
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=0)


def _is_known(host: str, names: list[str]) -> bool:
    """Whether a host, with a port or without, has one of the names; a name with a dot in front stands for all below."""
    try:
        # Werkzeug's own comparison knows no IPv6 addresses.
        found = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return any(found == name or (name.startswith(".") and found.endswith(name)) for name in names)


def _is_foreign() -> bool:
    """Whether a browser says that another site's page sent the request. Programs say nothing, and may."""
    fetched = request.headers.get("Sec-Fetch-Site")
    if fetched is not None:
        return fetched not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host
