"""Session cookie and sealed form fields, signed with a secret that all servers of a gallery share.

The cookie holds a random identifier of a session in the database, see `app.gallery.access_keys`, and messages for the
next page. Signing out, revocation and time-outs end the session at the server, so a copied cookie is worthless then.
"""

import hashlib
import time
from datetime import timedelta
from typing import Any, cast

from flask import Flask, Request, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer

from app.errors import GalleryError
from app.gallery.access_keys import AccessKey, Session
from app.settings import OFF, Settings
from app.web.recognizer_loading import current_gallery, loader_of

_ID = "id"
_TOKEN = "token_fingerprint"

_CLOCK_LEEWAY = timedelta(minutes=5)
"""Signatures and sessions may be this much younger than now: time synchronization sets clocks back."""


class _Signer(TimestampSigner):
    """Signer that also accepts a maximum age while the clock is behind the signature, within the leeway."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        value, signed = super().unsign(signed_value, return_timestamp=True)
        if max_age is not None and not 0 <= signed.timestamp() - time.time() <= _CLOCK_LEEWAY.total_seconds():
            value, signed = super().unsign(signed_value, max_age, return_timestamp=True)
        return (value, signed) if return_timestamp else value


class _SessionInterface(SecureCookieSessionInterface):
    """Cookies signed with the secret of the gallery, over TLS with Secure and a name that only this host can set."""

    def get_cookie_name(self, app: Flask) -> str:
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        # A visitor needs no secret, which is in the database.
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        if not app.secret_key and loader_of(app).ready:
            try:
                app.secret_key = loader_of(app).recognizer().gallery.keys.signing_secret()
            except GalleryError:
                # The request has no session. Whatever needs one fails with the reason.
                return None
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = _Signer
        return serializer

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def install(app: Flask, settings: Settings) -> None:
    """Configure the session cookie."""
    app.session_interface = _SessionInterface()
    app.config.update(
        SESSION_COOKIE_NAME="whopic",
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.admin_hours),
    )
    token = settings.admin_token
    # scrypt makes guessing the token from a copy of the database slow.
    digest = hashlib.scrypt(token.encode(), salt=b"faces", n=2**14, r=8, p=1, dklen=32).hex()
    app.extensions[_TOKEN] = None if token == OFF else digest


def start(key: AccessKey | None) -> None:
    """Start a session of a key, or with None of the token, and set its cookie. An earlier session ends."""
    end()
    keys, fingerprint = current_gallery().keys, current_app.extensions[_TOKEN]
    session.permanent = True
    session[_ID] = keys.start_session(key, None if key else fingerprint, current_app.permanent_session_lifetime)


def end() -> None:
    """End the session of this request, if it has one, and delete its cookie."""
    found = current_session()
    if found is not None:
        current_gallery().keys.end_session(found)
    session.clear()
    g.pop("session", None)


def current_session() -> Session | None:
    """Return the valid session of this request.

    Raises:
        ServiceUnavailable: the server is starting, so it cannot know.
    """
    if "session" not in g:
        # Without the secret, a cookie cannot be read.
        sent = current_app.session_interface.get_cookie_name(current_app) in request.cookies
        keys = current_gallery().keys if sent else None
        identifier = session.get(_ID)
        idle = timedelta(minutes=cast(Settings, current_app.extensions["settings"]).idle_minutes)
        lifetime = current_app.permanent_session_lifetime
        fingerprint = current_app.extensions[_TOKEN]
        found = keys and identifier and keys.find_session(identifier, fingerprint, lifetime, idle, _CLOCK_LEEWAY)
        g.session = found or None
    return cast(Session | None, g.session)


def seal(data: str, purpose: str) -> str:
    """Sign a text that travels through an administrator's browser."""
    return _signer(purpose).sign(data).decode()


def unseal(text: str, purpose: str) -> str | None:
    """Return the text that `seal` signed, or None if the signature is invalid or older than a session can be."""
    lifetime = int(current_app.permanent_session_lifetime.total_seconds())
    try:
        return cast(bytes, _signer(purpose).unsign(text, max_age=lifetime)).decode()
    except BadSignature:
        return None


def _signer(purpose: str) -> _Signer:
    return _Signer(current_app.secret_key or "", salt=f"faces {purpose}", digest_method=hashlib.sha256)
