"""Rate limiter per client for uploads, and for wrong administrator tokens."""

from collections.abc import Iterable
from http import HTTPStatus

from flask import Blueprint, Flask, request
from flask_limiter import Limiter
from limits import parse_many
from limits.errors import ConfigurationError

from app.errors import SettingsError
from app.settings import OFF, Settings
from app.web.middleware import SAFE_METHODS, client_network

TOKEN_ATTEMPTS = "10/minute;100/day"
"""Wrong tokens per client, on pages and API together. Further requests are rejected even with the right token."""


def install(app: Flask, settings: Settings, token_blueprints: Iterable[Blueprint]) -> None:
    """Answer 429 to clients that send too many requests, or too many wrong tokens to `token_blueprints`."""
    limit = settings.client_rate_limit
    if limit == settings.admin_token == OFF:
        return
    try:
        if limit != OFF:
            parse_many(limit)
    except ValueError as error:
        raise SettingsError(
            f"FACES_RATE_LIMIT is {limit!r}. Use auto, off, or limits such as 60/minute;1000/day."
        ) from error
    try:
        limiter = Limiter(
            client_key,
            app=app,
            application_limits=[] if limit == OFF else [limit],
            application_limits_exempt_when=lambda: request.method in SAFE_METHODS,
            headers_enabled=True,
            storage_uri=settings.rate_limit_storage,
            strategy="moving-window" if settings.rate_limit_storage == "memory://" else "fixed-window",
            # Each process counts alone while the storage is down.
            in_memory_fallback_enabled=True,
        )
    except (ValueError, ConfigurationError):
        # The address can contain a password, so the message and the traceback do not.
        raise SettingsError(
            "FACES_RATE_LIMIT_STORAGE is invalid. Use memory:// or redis://HOST:PORT (rediss: TLS)."
        ) from None
    limit_attempts = limiter.shared_limit(
        TOKEN_ATTEMPTS,
        scope="attempts",
        deduct_when=lambda response: response.status_code == HTTPStatus.UNAUTHORIZED,
    )
    for blueprint in token_blueprints:
        limit_attempts(blueprint)


def client_key() -> str:
    """Return the client's IPv4 address or IPv6 network; only trusted proxies can change it."""
    return client_network(request.remote_addr or "unknown")
