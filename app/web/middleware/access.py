"""Access control: the scopes that each route needs, and the answer to requests without them."""

from __future__ import annotations

from contextlib import suppress

from flask import Flask, Response, redirect, request, url_for
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response as Redirect

from app import text
from app.errors import (
    AccountRefused,
    AccountRequired,
    AdminDisabled,
    AuthenticationRequired,
    InsufficientScope,
    ServiceUnavailable,
)
from app.gallery.actor import Actor, set_request_actor
from app.gallery.scopes import Scope
from app.settings import Settings
from app.web import accounts, auth
from app.web.auth import Principal
from app.web.middleware import client_network
from app.web.progress_stream import prevent_caching
from app.web.recognizer_loading import current_gallery

Scopes = tuple[Scope, ...]
"""Scopes of which a request needs one."""

PUBLIC: Scopes = ()
_IDENTIFY: Scopes = ("identify",)
_READ: Scopes = ("read",)
_MANAGE: Scopes = ("manage",)
_EITHER: Scopes = ("identify", "read")

_BLUEPRINTS: dict[str, Scopes] = {
    "admin": _MANAGE,
    "library": _MANAGE,
    "api_admin": _MANAGE,
    "api_faces": _MANAGE,
    "api_opt_outs": _MANAGE,
    "people": _READ,
    "api_people": _READ,
    "api": _IDENTIFY,
    "model": _EITHER,
    "metrics": ("metrics",),
    "docs": PUBLIC,
    "health": PUBLIC,
    "sign_in": PUBLIC,
}
_ENDPOINTS: dict[str, Scopes] = {
    "static": PUBLIC,
    "pages.upload": _EITHER,
    "pages.privacy": PUBLIC,
    "pages.results_expired": _IDENTIFY,
    "pages.identify_photos": _IDENTIFY,
    "pages.sample_thumbnail": _IDENTIFY,
    "pages.show_details": _IDENTIFY,
    "pages.compare": _IDENTIFY,
    "pages.pair_styles": _IDENTIFY,
    "pages.compare_photos": _IDENTIFY,
    "pages.portrait": _EITHER,
}

ACCOUNT_REQUIRED = (
    "This server takes accounts from its proxy, and the proxy named none. Open the address of the proxy, or send an "
    "access key in the header Authorization: Bearer KEY."
)
KEY_REQUIRED = "Send an access key in the header Authorization: Bearer KEY."


def needed_scopes(endpoint: str | None) -> Scopes | None:
    """Return the scopes of which a route needs one, `PUBLIC` for none, or None for a route without a rule."""
    if endpoint is None:
        # No route: the answer is 404 or 405.
        return PUBLIC
    return _ENDPOINTS.get(endpoint, _BLUEPRINTS.get(endpoint.rpartition(".")[0]))


def install(app: Flask, settings: Settings) -> None:
    """Refuse requests whose sender lacks a scope; install it after the limit of wrong keys, before bodies are read."""
    restricted = settings.access_mode != "open"
    accounts.read_networks(settings)

    def check() -> Redirect | None:
        scopes = needed_scopes(request.endpoint)
        # A route without a rule is for administrators. Browsers ask for permission without a key (CORS).
        scopes = _MANAGE if scopes is None else scopes
        if not scopes or request.method == "OPTIONS":
            return None
        principal = auth.current_principal()
        set_request_actor(principal.actor)
        return None if principal.scopes.intersection(scopes) else _refuse(principal, scopes, settings)

    def forbid_caching(response: Response) -> Response:
        # A shared cache, or the next user of a browser, must not see what needs a key.
        private = needed_scopes(request.endpoint) != PUBLIC and not response.cache_control
        return prevent_caching(response) if restricted and private else response

    def end(_error: BaseException | None) -> None:
        set_request_actor(None)

    app.before_request(check)
    app.after_request(forbid_caching)
    app.teardown_request(end)


def record_refusal(problem: AuthenticationRequired) -> None:
    """Record a refused key or account in the audit log, which limits such entries."""
    address = client_network(request.remote_addr or "unknown")
    # The server may be starting.
    with suppress(ServiceUnavailable):
        current_gallery().audit.record_refusal({"reason": problem.code, "address": address}, Actor("visitor"))


def _refuse(principal: Principal, scopes: Scopes, settings: Settings) -> Redirect:
    if principal.known:
        raise InsufficientScope(_explain(principal, scopes))
    if principal.problem is not None:
        record_refusal(principal.problem)
    proxied = settings.access_mode == "proxy"
    if auth.is_for_programs():
        if scopes == _MANAGE and not auth.is_enabled():
            raise AdminDisabled(auth.DISABLED)
        if principal.problem is None or isinstance(principal.problem, AccountRefused):
            raise AuthenticationRequired(KEY_REQUIRED)
        raise principal.problem
    if proxied:
        raise AccountRequired(ACCOUNT_REQUIRED)
    if request.method not in ("GET", "HEAD"):
        raise Unauthorized
    return redirect(url_for("sign_in.form", next=request.full_path.rstrip("?")), 303)


def _explain(principal: Principal, scopes: Scopes) -> str:
    needed = text.alternatives(scopes)
    if principal.actor.kind == "account":
        groups = "FACES_PROXY_ADMINISTRATORS" if scopes == _MANAGE else "FACES_PROXY_READERS"
        return f"Your account {principal.actor.name} is in no group of {groups}. Ask the operator for access."
    scopes_of_key = ", ".join(sorted(principal.scopes))
    return f"The key {principal.actor.name} allows {scopes_of_key}. This needs {needed}. Ask the operator for another."
