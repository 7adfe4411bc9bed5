"""Limits per client: requests and seconds of work for uploads, and wrong keys."""

import math
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TypeVar

from flask import Blueprint, Flask, Response, g, request
from flask_limiter import Limiter
from limits import RateLimitItemPerMinute, parse_many
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from app import text
from app.errors import SettingsError
from app.settings import OFF, Settings
from app.web import auth
from app.web.middleware import SAFE_METHODS, client_network

KEY_ATTEMPTS = "10/minute;100/day"
"""Wrong keys per client, on pages and API together. Further requests are rejected even with the right key."""

_SCOPE, _RETRY_SECONDS = "work", 10.0
_Answer = TypeVar("_Answer")


class WorkLimit:
    """Limit of the seconds of decoders, detector and network that each client may use in a minute.

    A request counts when it ends, so a client may exceed the limit by the requests that it has at the same time.
    `storage` is an address of `limits.storage`. While it is down, each process counts alone.
    """

    def __init__(self, seconds: int, storage: str) -> None:
        self._limit = RateLimitItemPerMinute(1000 * seconds)  # milliseconds: counts are whole numbers
        # Other strategies store every millisecond, or refuse to count what exceeds the limit.
        self._shared = FixedWindowRateLimiter(storage_from_string(storage, wrap_exceptions=True))
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._retry_at = 0.0

    def check(self, client: str) -> None:
        """Raise TooManyRequests if a client used all its seconds."""
        window = self._ask(lambda limiter: limiter.get_window_stats(self._limit, _SCOPE, client))
        if window.remaining <= 0:
            seconds = max(1, math.ceil(window.reset_time - time.time()))
            raise TooManyRequests(
                f"Your photos used more than {text.count(self._limit.amount // 1000, 'second')} of work in a minute. "
                f"Try again in {text.count(seconds, 'second')}.",
                retry_after=seconds,
            )

    def charge(self, client: str, seconds: float) -> None:
        """Count seconds that a client used."""
        if seconds:
            milliseconds = math.ceil(1000 * seconds)
            self._ask(lambda limiter: limiter.hit(self._limit, _SCOPE, client, cost=milliseconds))

    def _ask(self, question: Callable[[FixedWindowRateLimiter], _Answer]) -> _Answer:
        if time.monotonic() >= self._retry_at:
            try:
                return question(self._shared)
            except StorageError:
                self._retry_at = time.monotonic() + _RETRY_SECONDS
        return question(self._own)


def install(app: Flask, settings: Settings, key_blueprints: Iterable[Blueprint]) -> None:
    """Answer 429 to clients over a limit, or with too many wrong keys to `key_blueprints`."""
    limit = settings.client_rate_limit
    try:
        if limit != OFF:
            parse_many(limit)
    except ValueError as error:
        raise SettingsError(
            f"FACES_RATE_LIMIT is {limit!r}. Use auto, off, or limits such as 60/minute;1000/day."
        ) from error
    try:
        _limit_requests(app, settings, limit, key_blueprints)
        if settings.client_work_seconds is not None:
            _limit_work(app, WorkLimit(settings.client_work_seconds, settings.rate_limit_storage))
    except (ValueError, ConfigurationError):
        # The address can contain a password, so the message and the traceback do not.
        raise SettingsError(
            "FACES_RATE_LIMIT_STORAGE is invalid. Use memory:// or redis://HOST:PORT (rediss: TLS)."
        ) from None


def _limit_requests(app: Flask, settings: Settings, limit: str, key_blueprints: Iterable[Blueprint]) -> None:
    def restore(response: Response) -> Response:
        # Flask-Limiter writes it into every answer, and into those of a busy server.
        if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            response.headers.pop("Retry-After", None)
            response.headers.extend(g.get("retry_after", {}))
        return response

    def remember(response: Response) -> Response:
        if "Retry-After" in response.headers:
            g.retry_after = {"Retry-After": response.headers["Retry-After"]}
        return response

    # Flask calls them in reverse order, so the limiter is between both.
    app.after_request(restore)
    limiter = Limiter(
        client_key,
        app=app,
        application_limits=[] if limit == OFF else [limit],
        # Administrators decide about faces faster than visitors send photos.
        application_limits_exempt_when=lambda: request.method in SAFE_METHODS or _is_administrator(),
        headers_enabled=True,
        storage_uri=settings.rate_limit_storage,
        strategy="moving-window" if settings.rate_limit_storage == "memory://" else "fixed-window",
        # Each process counts alone while the storage is down.
        in_memory_fallback_enabled=True,
    )
    app.after_request(remember)
    limit_attempts = limiter.shared_limit(
        KEY_ATTEMPTS,
        scope="attempts",
        deduct_when=lambda response: response.status_code == HTTPStatus.UNAUTHORIZED,
    )
    for blueprint in key_blueprints:
        limit_attempts(blueprint)


def _is_administrator() -> bool:
    return auth.signed_in() and auth.may("manage")


def _limit_work(app: Flask, limit: WorkLimit) -> None:
    def check() -> None:
        if request.method not in SAFE_METHODS:
            limit.check(client_key())

    def charge(_error: BaseException | None) -> None:
        # At the end, because most work of a streamed answer happens while it is sent.
        if request.method not in SAFE_METHODS and "trace" in g:
            limit.charge(client_key(), g.trace.usage.seconds)

    app.before_request(check)
    app.teardown_request(charge)


def client_key() -> str:
    """Return the client's IPv4 address or IPv6 network; only trusted proxies can change it."""
    return client_network(request.remote_addr or "unknown")
