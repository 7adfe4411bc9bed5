"""Worker process of the process pool. Imports nothing heavy before the environment is set."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection


def main(connection: Connection, environment: dict[str, str]) -> None:
    """Identify photos until the other end of the connection is closed.

    Receives a `BatchJob`, then tuples of photos and whether to process them one by one. Sends an empty list when
    ready, then lists of rows in the order of the photos, or the exception that ends the worker.

    Args:
        connection: To the pool.
        environment: Variables that libraries read when they are imported.
    """
    os.environ.update(environment)
    # A terminal sends Ctrl-C to all its processes. The pool decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # Unpickling the job imports NumPy.
        job = connection.recv()
        from app.batch.identifier import BatchIdentifier

        identifier = BatchIdentifier(job)
        connection.send([])
        for rows in identifier.identify(_receive_photos(connection)):
            connection.send(rows)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except Exception as error:
        error.add_note(traceback.format_exc())
        connection.send(error)


def _receive_photos(connection: Connection) -> Iterator[str | None]:
    """Yield photos as they arrive; None, which flushes, before waiting and around photos to process one by one."""
    while True:
        if not connection.poll():
            yield None
        photos, one_by_one = connection.recv()
        for photo in photos:
            yield from [None, photo, None] if one_by_one else [photo]
