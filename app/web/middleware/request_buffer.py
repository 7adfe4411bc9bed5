"""HTTP requests from pieces of any size, without a socket or a thread.

gunicorn's parser reads from a socket and blocks a thread until the client has sent everything. The buffer collects the
head before it calls that parser, which keeps gunicorn's rules against request smuggling, and then collects the body.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, Protocol

from gunicorn.http.body import CHUNK_EXT_RE, LengthReader
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkSize,
    InvalidHeader,
    LimitRequestHeaders,
    NoMoreData,
    ParseException,
)
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from app.errors import FacesError

INCOMPLETE = "The request body is incomplete or malformed."

_MAX_HEAD_BYTES = 32_768
_MAX_CHUNK_LINE_BYTES = 256
_MAX_TRAILER_BYTES = 8_192
_MAX_FRAMING_BYTES = 65_536
"""Chunk sizes and line ends of a body, in addition to an eighth of its data. Tiny chunks cost much time to parse."""

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})" + CHUNK_EXT_RE.pattern)
_FRAMING_HEADERS = ("CONTENT-LENGTH", "TRANSFER-ENCODING")

Data = bytes | bytearray | memoryview

Admit = Callable[[Any], int]
"""Returns the bytes that the body of a gunicorn request may have, or raises the error that the app answers with."""


class RequestBody(io.BytesIO):
    """A complete body, or an empty one with the error that the app answers with because the server refused the body."""

    error: Exception | None = None


class RequestBuffer:
    """Collects one request after the other: feed it until it is `complete`, answer, and call `start_next`.

    Args:
        config: gunicorn's configuration.
        client: the client's address.
        admit: decides on the body when the head is complete.
    """

    def __init__(self, config: Any, client: Any, admit: Admit) -> None:
        self._config, self._client, self._admit = config, client, admit
        self._pending = bytearray()
        self._reset()

    def _reset(self) -> None:
        self.request: Any = None
        self.body = RequestBody()
        self.complete = False
        self.unread = False
        self._decoder: _Decoder | None = None
        self._searched = 0

    @property
    def empty(self) -> bool:
        """Whether no byte of the request has arrived."""
        return self.request is None and not self._pending

    @property
    def size(self) -> int:
        """Bytes of the body in memory."""
        return self.body.getbuffer().nbytes

    def feed(self, data: Data) -> None:
        """Add data of the client to an incomplete request. Raise gunicorn's ParseException for a malformed head."""
        if self.request is None:
            self._pending += data
            self._parse_head()
        else:
            self._receive(data)

    def start_next(self) -> None:
        """Forget the request and begin with data that came after it. Raise what `feed` raises."""
        self._reset()
        if self._pending:
            self._parse_head()

    def take_continue(self) -> bool:
        """Return once whether the client waits for "100 Continue" before it sends the body."""
        expected = self.request is not None and self.request._expected_100_continue
        if expected:
            # gunicorn would send it when it calls the app.
            self.request._expected_100_continue = False
        return expected and not self.complete and not self.size

    def refuse(self, error: Exception | None) -> None:
        """Drop the body. The app answers with the error, or without one as if the client had sent no body."""
        self.drop_body()
        self.body.error = error
        self._decoder = None
        self.complete = self.unread = True
        if error is None:
            self._set_length(0)

    def drop_body(self) -> None:
        """Free the memory of the body."""
        self.body = RequestBody()
        if self.request is not None:
            self.request.body = None

    def _parse_head(self) -> None:
        end = self._pending.find(b"\r\n\r\n", self._searched) + 4
        self._searched = max(0, len(self._pending) - 3)
        found = end > 3
        size = end if found else len(self._pending)
        # A head with a bare line feed can lack the end that is searched for.
        if not found and size <= _MAX_HEAD_BYTES and self._pending.count(b"\n") == self._pending.count(b"\r\n"):
            return
        unreader = IterUnreader([bytes(self._pending[:size])])
        try:
            request = Request(self._config, unreader, self._client)
        except NoMoreData:
            raise LimitRequestHeaders("limit request head size") from None
        if size > _MAX_HEAD_BYTES:
            raise LimitRequestHeaders("limit request head size")
        if not found or unreader.take_buffered():
            raise InvalidHeader("bare LF as line terminator")
        self.request = request
        del self._pending[:size]
        self._begin_body()

    def _begin_body(self) -> None:
        reader = self.request.body.reader
        length = reader.length if isinstance(reader, LengthReader) else None
        if length == 0:
            self.complete = True
            return
        try:
            limit = self._admit(self.request)
        except (HTTPException, FacesError) as error:
            self.refuse(error)
            return
        if limit == 0:
            self.refuse(None)
        elif length is not None and length > limit:
            self.refuse(RequestEntityTooLarge())
        else:
            self._decoder = (
                _ChunkDecoder(self.body, self.request, limit) if length is None else _LengthDecoder(self.body, length)
            )
            data, self._pending = self._pending, bytearray()
            self._receive(data)

    def _receive(self, data: Data) -> None:
        assert self._decoder is not None
        try:
            rest = self._decoder.feed(data)
        except ParseException:
            self.refuse(BadRequest(INCOMPLETE))
        except RequestEntityTooLarge as error:
            self.refuse(error)
        else:
            if rest is None:
                return
            self._pending += rest
            self._set_length(self.size)
            self.body.seek(0)
            self.complete = True

    def _set_length(self, size: int) -> None:
        headers = [(name, value) for name, value in self.request.headers if name not in _FRAMING_HEADERS]
        self.request.headers = [*headers, ("CONTENT-LENGTH", str(size))]


class _Decoder(Protocol):
    def feed(self, data: Data) -> Data | None:
        """Write data to the body. Return what follows the body, or None if the body is incomplete."""


class _LengthDecoder:
    def __init__(self, body: RequestBody, length: int) -> None:
        self._body, self._left = body, length

    def feed(self, data: Data) -> Data | None:
        taken = self._body.write(memoryview(data)[: self._left])
        self._left -= taken
        return None if self._left else data[taken:]


class _ChunkDecoder:
    """Decoder of chunked bodies (RFC 9112, section 7.1) with gunicorn's rules for extensions and trailers."""

    def __init__(self, body: RequestBody, request: Any, limit: int) -> None:
        self._body, self._request, self._limit = body, request, limit
        self._pending = bytearray()
        self._left = self._framing = 0
        self._after_chunk = self._last = False

    def feed(self, data: Data) -> Data | None:
        pending, position = self._pending, 0
        pending += data
        while True:
            if self._left:
                with memoryview(pending)[position : position + self._left] as piece:
                    taken = self._body.write(piece)
                self._left -= taken
                position += taken
                if self._left:
                    break
                self._after_chunk = True
            if self._after_chunk:
                if len(pending) < position + 2:
                    break
                if pending[position : position + 2] != b"\r\n":
                    raise ChunkMissingTerminator(b"")
                position += 2
                self._after_chunk = False
            if self._last:
                end = self._find_end(position)
                if end is None:
                    break
                return pending[end:]
            end = pending.find(b"\r\n", position, position + _MAX_CHUNK_LINE_BYTES)
            if end < 0:
                if len(pending) >= position + _MAX_CHUNK_LINE_BYTES or b"\n" in pending[position:]:
                    raise InvalidChunkSize(b"")
                break
            self._begin_chunk(bytes(pending[position:end]))
            position = end + 2
        del pending[:position]
        return None

    def _begin_chunk(self, line: bytes) -> None:
        match = _CHUNK_LINE.fullmatch(line)
        self._framing += len(line) + 4
        received = self._body.tell()
        if match is None or self._framing > _MAX_FRAMING_BYTES + received // 8:
            raise InvalidChunkSize(b"")
        self._left = int(match[1], 16)
        self._last = not self._left
        if received + self._left > self._limit:
            raise RequestEntityTooLarge

    def _find_end(self, position: int) -> int | None:
        """Return the end of the trailers, which are checked and dropped."""
        if self._pending.startswith(b"\r\n", position):
            return position + 2
        end = self._pending.find(b"\r\n\r\n", position)
        if end < 0:
            if len(self._pending) > position + _MAX_TRAILER_BYTES:
                raise LimitRequestHeaders("limit request trailer section size")
            return None
        self._request.parse_headers(bytes(self._pending[position:end]), from_trailer=True)
        return end + 4
