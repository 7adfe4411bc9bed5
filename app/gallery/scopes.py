"""Scopes of access keys: what the sender of a request may do."""

from collections.abc import Collection
from typing import Literal

Scope = Literal["identify", "read", "manage", "metrics"]

SCOPES: dict[Scope, str] = {
    "identify": "identify and compare photos",
    "read": "list people and show their pages and portraits",
    "manage": "everything, also change the gallery, and use the library, keys and audit log",
    "metrics": "read /metrics",
}
"""Scopes of keys, and what each allows. `manage` includes the others."""

PREFIX = "whopic_"
"""Start of every key, by which people and secret scanners recognize one."""


def expand(scopes: Collection[str]) -> frozenset[Scope]:
    """Return known scopes with those that they include."""
    return frozenset(scope for scope in SCOPES if scope in scopes or "manage" in scopes)
