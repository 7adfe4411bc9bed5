"""Admission of requests by their heads: how many bytes of a body the worker receives before the app is called."""

from __future__ import annotations

import math
import time
from typing import Any
from urllib.parse import unquote

from flask import Flask
from werkzeug.exceptions import HTTPException, TooManyRequests

from app import text
from app.web.middleware import client_network, plain_answers
from app.web.middleware.access import needed_scopes
from app.web.middleware.connections import Backoff, visitor_of
from app.web.uploads import body_limits


class Admission:
    """Decides about the body of a request that the app would refuse: without a key, or by a client over a limit."""

    def __init__(self, app: Flask, backoff: Backoff) -> None:
        self._app, self._backoff = app, backoff
        self._settings = app.extensions["settings"]
        self._limiter = app.extensions["concurrency_limiter"]
        self._urls = app.url_map.bind("")
        user = self._settings.proxy_user_header.upper()
        self._credentials = None if self._settings.access_mode == "open" else {"AUTHORIZATION", "COOKIE", user}

    def admit(self, request: Any) -> int:
        """Return the number of bytes that the body of a gunicorn request may have.

        Raise TooManyRequests for a client that should wait, and ServerBusy if the queue is full.
        """
        try:
            endpoint, _ = self._urls.match(unquote(request.path, errors="replace"), request.method)
        except HTTPException:
            return 0
        anonymous = self._credentials is not None and self._credentials.isdisjoint(name for name, _ in request.headers)
        if anonymous and needed_scopes(endpoint) != ():
            # The app refuses the request without its body.
            return 0
        kind = next((value for name, value in request.headers if name == "CONTENT-TYPE"), "")
        limits = body_limits(self._app, endpoint, request.method, kind.partition(";")[0].strip().lower())
        network = client_network(request.peer_addr[0]) if request.peer_addr else ""
        visitor = visitor_of(request, network, self._settings.proxies)
        if seconds := math.ceil(self._backoff.seconds_left(visitor, time.monotonic())):
            raise TooManyRequests(plain_answers.TOO_MANY.format(text.count(seconds, "second")), retry_after=seconds)
        # Behind a proxy, the app knows the client.
        if limits.total and not self._settings.proxies:
            self._limiter.check_queue(network)
        return int(limits.total)
