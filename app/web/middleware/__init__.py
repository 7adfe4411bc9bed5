"""Middleware around all routes: limits, timeouts, CSRF protection, tracing, logs and metrics."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
