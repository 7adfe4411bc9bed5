"""Requests that arrive in pieces."""

import pytest
from gunicorn.config import Config
from gunicorn.http import errors
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from app.errors import ServerBusy
from app.web.middleware.request_buffer import RequestBuffer

HEAD = b"POST /identify HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LIMIT = 1000


def buffer(limit: int = LIMIT) -> RequestBuffer:
    return RequestBuffer(Config(), ("127.0.0.1", 1), lambda _request: limit)


def read(*pieces: bytes, limit: int = LIMIT) -> RequestBuffer:
    found = buffer(limit)
    for piece in pieces:
        found.feed(piece)
    return found


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


MESSAGES = {
    "no body": (HEAD + b"\r\n", b""),
    "length": (HEAD + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    "empty line first": (b"\r\n" + HEAD + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    "chunks": (CHUNKED + b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n", b"hello!"),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n", b"hello"),
}


@pytest.mark.parametrize("what", MESSAGES)
@pytest.mark.parametrize("split", [lambda data: [data], one_by_one])
def test_requests_are_complete_with_their_last_byte(what, split):
    data, body = MESSAGES[what]
    *start, last = split(data)
    found = read(*start)
    assert not (start and found.complete)
    found.feed(last)
    assert found.complete
    assert not found.unread
    assert found.body.read() == body
    assert ("TRANSFER-ENCODING", "chunked") not in found.request.headers
    if body:
        assert ("CONTENT-LENGTH", str(len(body))) in found.request.headers


@pytest.mark.parametrize("what", MESSAGES)
def test_requests_can_follow_each_other_without_a_pause(what):
    data, body = MESSAGES[what]
    found = read(data * 3 + b"GET /next")
    for _ in range(3):
        assert found.complete
        assert found.body.read() == body
        found.start_next()
    assert not found.complete
    found.feed(b" HTTP/1.1\r\n\r\n")
    assert found.request.path == "/next"


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", errors.InvalidRequestLine),
        (b"GET / HTTP/1.1\r\nHost: a\n\n", errors.ParseException),
        (b"GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", errors.InvalidHeader),
        (b"GET /" + 9_000 * b"a", None),
        (b"GET /" + 40_000 * b"a", errors.LimitRequestLine),
        (b"GET / HTTP/1.1\r\n" + 40 * (b"A: " + 1_000 * b"a" + b"\r\n"), errors.LimitRequestHeaders),
        (b"GET / HTTP/1.1\r\n" + 40 * (b"A: " + 1_000 * b"a" + b"\r\n") + b"\r\n", errors.LimitRequestHeaders),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", errors.InvalidHeader),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", errors.InvalidHeader),
        (HEAD + b"Content-Length: -1\r\n\r\n", errors.InvalidHeader),
        (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", errors.InvalidHeader),
        (HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n", errors.InvalidHeader),
        (HEAD + b"Host: b\r\n\r\n", errors.InvalidHeader),
    ],
)
def test_malformed_and_long_heads_are_rejected(head, error):
    if error is None:
        assert not read(head).complete
    else:
        with pytest.raises(error):
            read(head)


@pytest.mark.parametrize(
    "body",
    [
        b"g\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x5\r\n",
        b" 5\r\n",
        b"5 \r\nhello",
        b"5;\x00\r\nhello",
        b"5\nhello",
        b"5\r\nhello--",
        b"F" * 16 + b"\r\n",
        b"1" * 300,
        b"5\r\nhello\r\n0\r\nX: a\nY: b\r\n\r\n",
        b"5\r\nhello\r\n0\r\nHost: b\r\n\r\n",
        b"0\r\nX: " + b"a" * 9_000,
    ],
)
def test_malformed_chunks_are_rejected(body):
    found = read(CHUNKED, body)
    assert found.complete
    assert found.unread
    assert isinstance(found.body.error, BadRequest)


def test_tiny_chunks_are_rejected():
    """Each costs as much time as a large one."""
    found = read(CHUNKED, b"1\r\na\r\n" * 20_000, limit=10**6)
    assert isinstance(found.body.error, BadRequest)


@pytest.mark.parametrize(
    "message",
    [
        HEAD + b"Content-Length: 1001\r\n\r\n",
        HEAD + b"Content-Length: 1000000000000\r\n\r\n",
        CHUNKED + b"3e9\r\n",
        CHUNKED + b"3e8\r\n" + bytes(1000) + b"\r\n1\r\n",
    ],
)
def test_bodies_over_the_limit_are_refused_before_they_arrive(message):
    found = read(message)
    assert found.complete
    assert found.unread
    assert found.size == 0
    assert isinstance(found.body.error, RequestEntityTooLarge)


@pytest.mark.parametrize("message", [HEAD + b"Content-Length: 5\r\n\r\nhello", MESSAGES["chunks"][0]])
def test_bodies_that_the_address_does_not_take_are_ignored(message):
    found = read(message, limit=0)
    assert found.complete
    assert found.unread
    assert found.body.error is None
    assert found.request.headers == [("HOST", "localhost"), ("CONTENT-LENGTH", "0")]


def test_bodies_can_be_refused_at_the_head_and_later():
    def refuse(_request):
        raise ServerBusy

    found = RequestBuffer(Config(), ("127.0.0.1", 1), refuse)
    found.feed(HEAD + b"Content-Length: 5\r\n\r\nhel")
    assert found.complete
    assert isinstance(found.body.error, ServerBusy)

    found = read(HEAD + b"Content-Length: 5\r\n\r\nhel")
    assert found.size == 3
    found.refuse(ServerBusy())
    assert found.complete
    assert found.size == 0


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"Content-Length: 5\r\n\r\n", True),
        (b"Content-Length: 5\r\n\r\nhel", False),
        (b"Content-Length: 5000\r\n\r\n", False),
        (b"\r\n", False),
    ],
)
def test_clients_are_told_to_continue_if_the_body_is_acceptable(message, expected):
    found = read(HEAD + b"Expect: 100-continue\r\n" + message)
    assert found.take_continue() is expected
    assert not found.take_continue()
