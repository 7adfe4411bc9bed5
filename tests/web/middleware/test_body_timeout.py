import io
import socket
import threading
from contextlib import suppress

import pytest
from gunicorn.http.errors import InvalidChunkSize, NoMoreData
from werkzeug.exceptions import BadRequest, RequestTimeout

from app.web.middleware.body_timeout import TimedBody


def test_a_body_in_time_is_read():
    body = TimedBody(io.BytesIO(b"one\ntwo\nthree"), 10)
    assert (body.readline(), body.read(2), body.read()) == (b"one\n", b"tw", b"o\nthree")


def test_a_late_body_is_rejected_once_and_then_empty():
    body = TimedBody(io.BytesIO(b"late"), 0)
    with pytest.raises(RequestTimeout):
        body.read()
    assert body.read() == b""


class Broken(io.BytesIO):
    """A connection that is reset, or brings what is no HTTP."""

    def __init__(self, error: Exception) -> None:
        super().__init__(b"half")
        self.error = error

    def read(self, _size: int = -1) -> bytes:
        raise self.error


@pytest.mark.parametrize("error", [ConnectionResetError(), InvalidChunkSize(b"ZZ"), NoMoreData()])
def test_malformed_and_incomplete_bodies_are_rejected(error):
    body = TimedBody(Broken(error), 10)
    with pytest.raises(BadRequest):
        body.read(4)
    assert body.read() == b""


def test_silent_connections_time_out():
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as stream:
        body = TimedBody(stream, 0.2, ours)
        theirs.sendall(b"half")
        assert body.read(4) == b"half"
        with pytest.raises(RequestTimeout):
            body.read(4)
        body.close()


def test_trickling_connections_time_out():
    ours, theirs = socket.socketpair()
    end = threading.Event()

    def trickle():
        with suppress(OSError):
            while not end.wait(0.02):
                theirs.sendall(b"x")

    thread = threading.Thread(target=trickle)
    with ours, theirs, ours.makefile("rb") as stream:
        body = TimedBody(stream, 0.3, ours)
        thread.start()
        with pytest.raises(RequestTimeout):
            body.read(10_000)
        end.set()
        thread.join(10)
