"""How often a client may ask. Only requests that cost something count: reading pages is free."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, request
from flask_limiter import Limiter
from limits import parse_many

from app.errors import SettingsError
from app.settings import OFF, Settings

ATTEMPTS = "10/minute;100/day"
"""Wrong tokens of a client; then even the right one is not looked at, on the page and the API together."""

_MEMORY = "memory://"

_IPV6_PREFIX = 64
"""What one household or server is given of IPv6: its addresses are one client."""


def install(app: Flask, settings: Settings, token_blueprints: Iterable[Blueprint]) -> None:
    """Answer 429 where a client asks more often than the settings allow, or has sent too many wrong tokens.

    Raises:
        SettingsError: the limit, or the place where requests are counted, cannot be understood.
    """
    _refuse_storage(settings.rate_limit_storage)
    limit = settings.client_rate_limit
    if limit == OFF and settings.admin_token == OFF:
        return
    try:
        if limit != OFF:
            parse_many(limit)
    except ValueError as error:
        raise SettingsError(
            f"FACES_RATE_LIMIT is {limit!r}; it can be auto, off, or limits such as 60/minute;1000/day."
        ) from error
    limiter = Limiter(
        client,
        app=app,
        application_limits=[] if limit == OFF else [limit],
        application_limits_exempt_when=lambda: request.method in ("GET", "HEAD", "OPTIONS"),
        headers_enabled=True,
        storage_uri=settings.rate_limit_storage,
        strategy="moving-window" if settings.rate_limit_storage == _MEMORY else "fixed-window",
        # A store that is down must not stop the service: each process counts by itself until it is back.
        in_memory_fallback_enabled=True,
    )
    attempts = limiter.shared_limit(ATTEMPTS, scope="attempts", deduct_when=_is_attempt)
    for blueprint in token_blueprints:
        attempts(blueprint)


def _refuse_storage(address: str) -> None:
    """Refuse what is neither this process' memory nor a Redis, whether limits are on or not."""
    try:
        found = urlsplit(address)
        usable = address == _MEMORY or (
            found.scheme in ("redis", "rediss") and bool(found.hostname) and found.port != 0
        )
    except ValueError:
        usable = False
    if not usable:
        # The address may hold a password.
        raise SettingsError("FACES_RATE_LIMIT_STORAGE can be memory:// or redis://HOST:PORT (rediss:// for TLS).")


def _is_attempt(response: Response) -> bool:
    return response.status_code == HTTPStatus.UNAUTHORIZED


def client() -> str:
    """Who asks: the address, of which no proxy that the settings do not name can say anything."""
    text = request.remote_addr or "unknown"
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if address.version == 4:
        return text
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
