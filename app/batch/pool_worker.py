"""A process of the pool: started anew, never forked, since TensorFlow would not survive that."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection


def main(connection: Connection, environment: dict[str, str]) -> None:
    """Name pictures until the other end is closed.

    Args:
        connection: a `namer.Job` comes first, then pictures, and whether to take them one by one. Lists of rows go
            back as soon as there are some, in the order of the pictures; or an exception, which is the last word.
        environment: variables that libraries read when they are imported.
    """
    os.environ.update(environment)
    # Ctrl-C goes to all processes of a terminal; the one that writes decides when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _work(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # Nobody is there any more.
        pass
    except Exception as error:
        error.add_note(traceback.format_exc())
        connection.send(error)


def _work(connection: Connection) -> None:
    # What comes brings NumPy along, which looks for its threads in the environment.
    job = connection.recv()
    from app.batch.identifier import BatchIdentifier

    namer = BatchIdentifier(job)
    connection.send([])
    for rows in namer.batches(_places(connection)):
        connection.send(rows)


def _places(connection: Connection) -> Iterator[str | None]:
    """Pictures as they come; None before waiting for more, and around each one that is to be alone."""
    while True:
        if not connection.poll():
            yield None
        places, singly = connection.recv()
        for place in places:
            yield from [None, place, None] if singly else [place]
