"""Authentication: who sends a request, and what they may do.

Programs send a key in the header `Authorization: Bearer`. People sign in on a page, which starts a session, or a
trusted proxy names them. The API ignores session cookies, so pages of other sites cannot use them.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from flask import g, request

from app.errors import (
    AccountRefused,
    AuthenticationRequired,
    GalleryError,
    KeyExpired,
    KeyRevoked,
    ServiceUnavailable,
)
from app.gallery.access_keys import AccessKey
from app.gallery.actor import Actor, set_request_actor
from app.gallery.scopes import PREFIX, SCOPES, Scope, expand
from app.settings import OFF
from app.web import sessions
from app.web.accounts import find_account
from app.web.recognizer_loading import current_gallery
from app.web.uploads import current_settings

DISABLED = (
    "Changing the gallery over HTTP is disabled: the server has no FACES_ADMIN_TOKEN and no key for administrators. "
    "Set the token, make a key with `whopic keys create NAME --scope manage`, or use the command line."
)

WRONG_KEY = "The key is unknown. Use a key of this server, or the value of its setting FACES_ADMIN_TOKEN."

_OPEN: frozenset[Scope] = frozenset({"identify", "read", "metrics"})
_FOR_PROGRAMS = ("/api/v1/", "/metrics/")


@dataclass(frozen=True)
class Principal:
    """Who sends a request. `problem` says why a key or an account was refused; the scopes are then a visitor's."""

    actor: Actor
    scopes: frozenset[Scope]
    problem: AuthenticationRequired | None = None

    @property
    def known(self) -> bool:
        """Whether the request has a valid key, session or account."""
        return self.actor.kind != "visitor" and self.problem is None


def current_principal() -> Principal:
    """Return who sends this request.

    Raises:
        ServiceUnavailable: the request has a key or a cookie, and the server is starting.
        GalleryError: the database, which has the keys, cannot be read.
    """
    if "principal" not in g:
        g.principal = _find_principal()
    found: Principal = g.principal
    return found


def may(scope: Scope) -> bool:
    """Return whether this request may do what a scope allows. While nothing can tell, such as at the start, it may not.

    Pages call it, also those about errors. `middleware.access` decides about the request itself.
    """
    try:
        return scope in current_principal().scopes
    except (ServiceUnavailable, GalleryError):
        return False


def signed_in() -> bool:
    """Return whether a person signed in on a page, or through the proxy."""
    try:
        return not is_for_programs() and current_principal().known
    except (ServiceUnavailable, GalleryError):
        return False


def has_session() -> bool:
    """Return whether a person signed in on a page of this server, and can sign out there."""
    return signed_in() and current_principal().actor.kind != "account"


def is_for_programs() -> bool:
    """Return whether the address of this request expects a key in a header, and no session."""
    return f"{request.path}/".startswith(_FOR_PROGRAMS)


def is_enabled() -> bool:
    """Return whether the gallery can be changed over HTTP."""
    settings = current_settings()
    accounts = settings.access_mode == "proxy" and settings.proxy_administrators != OFF
    return accounts or settings.admin_token != OFF or current_gallery().keys.can_manage()


def check_key(text: str) -> AccessKey | None:
    """Return the valid key with a text, or None for the token of the settings.

    Raises:
        AuthenticationRequired: the key is unknown, expired or revoked.
    """
    if _is_token(text):
        return None
    key = current_gallery().keys.find(text)
    if key is None:
        raise AuthenticationRequired(WRONG_KEY)
    if key.state == "expired":
        raise KeyExpired(f"The key {key.name} expired on {key.expires:%Y-%m-%d}. Ask the operator for another one.")
    if key.state == "revoked":
        raise KeyRevoked(f"The key {key.name} was revoked. Ask the operator for another one.")
    return key


def sign_in(text: str) -> None:
    """Start a session with a key, or raise what `check_key` raises."""
    key = check_key(text)
    g.principal = _of_key(key)
    set_request_actor(g.principal.actor)
    sessions.start(key)


def is_cross_site() -> bool:
    """Return whether a browser says that a page of another site sent the request; other clients send no such header."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != request.host


def _find_principal() -> Principal:
    settings = current_settings()
    proxied = settings.access_mode == "proxy"
    if is_for_programs():
        sent = request.authorization
        text = sent.token or "" if sent is not None and sent.type == "bearer" else ""
        # A proxy may send a token of its own beside the name of the user.
        if text and (not proxied or text.startswith(PREFIX) or _is_token(text)):
            return _of_text(text)
    elif not proxied:
        found = sessions.current_session()
        return _of_key(found.key) if found else _visitor()
    # Browsers send the proxy's cookie for pages of other sites, too.
    return _of_account() if proxied and not (is_for_programs() and is_cross_site()) else _visitor()


def _is_token(text: str) -> bool:
    token = current_settings().admin_token
    return token != OFF and hmac.compare_digest(text.encode("utf-8", "replace"), token.encode())


def _of_text(text: str) -> Principal:
    try:
        return _of_key(check_key(text))
    except AuthenticationRequired as error:
        return _visitor(error)


def _of_key(key: AccessKey | None) -> Principal:
    if key is None:
        return Principal(Actor("token"), frozenset(SCOPES))
    return Principal(Actor("key", key.name), expand(key.scopes) | _visitor().scopes)


def _of_account() -> Principal:
    try:
        account = find_account(current_settings())
    except AccountRefused as refusal:
        return _visitor(refusal)
    return Principal(Actor("account", account.name), account.scopes) if account else _visitor()


def _visitor(problem: AuthenticationRequired | None = None) -> Principal:
    return Principal(Actor("visitor"), _OPEN if current_settings().access_mode == "open" else frozenset(), problem)
