"""Actor of changes: who causes what the list of changes and the audit log record.

The web app sets the actor of a request, and the command line that of its process.
"""

from __future__ import annotations

import getpass
import os
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["key", "token", "account", "command", "system", "visitor"]

MAX_LENGTH = 200
"""Characters of an actor in the database."""


@dataclass(frozen=True)
class Actor:
    """Who causes a change: a named key, `FACES_ADMIN_TOKEN`, an account of a proxy, a user of the command line, ....

    `system` is the program itself, such as the removal of expired people. A `visitor` has not signed in.
    """

    kind: ActorKind
    name: str = ""

    def __str__(self) -> str:
        """Return the text in the database, such as `key:newsroom`, `token` or `command:ann`."""
        return f"{self.kind}:{self.name}"[:MAX_LENGTH] if self.name else self.kind


SYSTEM = Actor("system")

_request: ContextVar[Actor | None] = ContextVar("actor", default=None)
_process = SYSTEM


def current_actor() -> Actor:
    """Return the actor of this request, else that of the process, by default `SYSTEM`."""
    return _request.get() or _process


def command_line() -> Actor:
    """Return the user who runs this process."""
    try:
        return Actor("command", getpass.getuser())
    except (KeyError, OSError):
        # In containers, the user may have no name.
        return Actor("command", str(os.getuid()))


def set_request_actor(actor: Actor | None) -> None:
    """Set the actor of the request in this context. None ends it."""
    _request.set(actor)


def set_process_actor(actor: Actor) -> None:
    """Set the actor of everything outside of requests, in all threads."""
    global _process  # noqa: PLW0603 as a context variable would not reach other threads
    _process = actor
