"""Administrator authentication: bearer token for the API, signed session cookie for pages.

The cookie is signed with a key derived from the token. All workers know the key, nothing is stored, and a new token
invalidates every session.
"""

import hashlib
import hmac
import time
from datetime import timedelta
from typing import Any, cast

from flask import Flask, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer

from app.settings import OFF, Settings
from app.web.uploads import current_settings

DISABLED = (
    "Changing the gallery over HTTP is disabled: the server has no FACES_ADMIN_TOKEN. "
    "Set one, or use the command line: whopic people --help."
)

_SIGNED_IN_AT = "since"

_CLOCK_LEEWAY_SECONDS = 300
"""Signatures may be this much younger than now: time synchronization sets clocks back."""


class _Signer(TimestampSigner):
    """Signer that also accepts a maximum age while the clock is behind the signature, within the leeway."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        value, signed = super().unsign(signed_value, return_timestamp=True)
        if max_age is not None and not 0 <= signed.timestamp() - time.time() <= _CLOCK_LEEWAY_SECONDS:
            value, signed = super().unsign(signed_value, max_age, return_timestamp=True)
        return (value, signed) if return_timestamp else value


class _SessionInterface(SecureCookieSessionInterface):
    """Cookies with the Secure attribute and a name that only this host can set, if the request came by TLS."""

    def get_cookie_name(self, app: Flask) -> str:
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = _Signer
        return serializer

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def install(app: Flask, settings: Settings) -> None:
    """Configure sessions, with a key if the settings have a token."""
    app.session_interface = _SessionInterface()
    app.config.update(
        SESSION_COOKIE_NAME="faces",
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.admin_hours),
    )
    if settings.admin_token != OFF:
        # scrypt makes guessing the token from a cookie slow.
        app.secret_key = hashlib.scrypt(settings.admin_token.encode(), salt=b"faces", n=2**14, r=8, p=1)


def is_enabled() -> bool:
    """Return whether the gallery can be changed over HTTP."""
    return bool(current_app.secret_key)


def is_token(text: str) -> bool:
    """Compare a text with the token in constant time."""
    token = current_settings().admin_token
    return is_enabled() and hmac.compare_digest(text.encode("utf-8", "replace"), token.encode())


def has_bearer_token() -> bool:
    """Return whether the request has the token in its header `Authorization: Bearer`."""
    sent = request.authorization
    return sent is not None and sent.type == "bearer" and is_token(sent.token or "")


def sign_in() -> None:
    """Start a session that lasts `Settings.admin_hours`."""
    session.clear()
    session.permanent = True
    session[_SIGNED_IN_AT] = int(time.time())


def sign_out() -> None:
    """End the session."""
    session.clear()


def signed_in() -> bool:
    """Return whether the request has a valid session. Further requests do not extend it."""
    age = time.time() - cast(int, session.get(_SIGNED_IN_AT, 0))
    return -_CLOCK_LEEWAY_SECONDS <= age < _lifetime()


def seal(data: str, purpose: str) -> str:
    """Sign a text that travels through an administrator's browser."""
    return _signer(purpose).sign(data).decode()


def unseal(text: str, purpose: str) -> str | None:
    """Return the text that `seal` signed, or None if the signature is invalid or older than a session can be."""
    try:
        return cast(bytes, _signer(purpose).unsign(text, max_age=_lifetime())).decode()
    except BadSignature:
        return None


def _lifetime() -> int:
    return int(current_app.permanent_session_lifetime.total_seconds())


def _signer(purpose: str) -> _Signer:
    return _Signer(current_app.secret_key or "", salt=f"faces {purpose}", digest_method=hashlib.sha256)
