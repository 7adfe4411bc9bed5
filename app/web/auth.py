"""Who may change the gallery over HTTP: whoever knows the token of the settings. Without a token nobody may.

On the page the token is exchanged for a cookie, which is signed with a key made from the token: so every worker knows
it, nothing is stored, and another token ends every sign-in. The API takes the token itself with every request.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import timedelta

from flask import Flask, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature, TimestampSigner

from app.settings import OFF, Settings

OFF_SENTENCE = (
    "Changing the gallery by page and API is turned off: the server has no FACES_ADMIN_TOKEN. "
    "Its operator can set one, or use the command line: python main.py people --help."
)

_SINCE = "since"


class _Cookies(SecureCookieSessionInterface):
    """Cookies that travel by TLS alone where they were given by TLS."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def install(app: Flask, settings: Settings) -> None:
    """Let an app know administrators, if the settings have a token."""
    app.session_interface = _Cookies()
    app.config.update(
        SESSION_COOKIE_NAME="faces",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.admin_hours),
    )
    if settings.admin_token != OFF:
        # A cookie must not be a way to guess its token by: each guess costs what scrypt costs.
        app.secret_key = hashlib.scrypt(settings.admin_token.encode(), salt=b"faces", n=2**14, r=8, p=1)


def is_on() -> bool:
    """Whether the gallery can be changed over HTTP at all."""
    return bool(current_app.secret_key)


def is_token(text: str) -> bool:
    """Whether this is the token, in a time that tells nothing of it."""
    token = current_app.extensions["settings"].admin_token
    digests = (hashlib.sha256(one.encode("utf-8", "replace")).digest() for one in (text, token))
    return hmac.compare_digest(*digests) and is_on()


def has_bearer_token() -> bool:
    """Whether the request carries the token in its header `Authorization: Bearer`."""
    sent = request.authorization
    return sent is not None and sent.type == "bearer" and is_token(sent.token or "")


def sign_in() -> None:
    """Give the browser that asks a cookie, until the time of the settings is over."""
    session.clear()
    session.permanent = True
    session[_SINCE] = int(time.time())


def sign_out() -> None:
    """Take the cookie back."""
    session.clear()


def signed_in() -> bool:
    """Whether an administrator asks. That does not begin anew with every cookie: it ends so long after the token."""
    if not is_on():
        return False
    age = time.time() - session.get(_SINCE, 0)
    return 0 <= age < current_app.permanent_session_lifetime.total_seconds()


def seal(data: str, purpose: str) -> str:
    """Sign a text that travels through an administrator's browser and comes back."""
    return _signer(purpose).sign(data).decode()


def unseal(text: str, purpose: str) -> str | None:
    """The text that `seal` signed for the same purpose, or None if it is not that, or older than a sign-in lasts."""
    try:
        return _signer(purpose).unsign(text, max_age=current_app.permanent_session_lifetime.total_seconds()).decode()
    except BadSignature:
        return None


def _signer(purpose: str) -> TimestampSigner:
    return TimestampSigner(current_app.secret_key, salt=f"faces {purpose}", digest_method=hashlib.sha256)
