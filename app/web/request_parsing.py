"""Parsing of request bodies: forms with file names in any encoding, and JSON of bounded size and depth."""

from typing import IO, Any

from flask.json.provider import DefaultJSONProvider
from werkzeug import formparser
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import MultipartDecoder

MAX_JSON_VALUES = 10_000
"""Most values of a JSON body. Without a limit, 50 MB of `[],[],…` become over 1 GB of objects."""


class BoundedJSONProvider(DefaultJSONProvider):
    """JSON of requests and responses; bodies with too many values, or nested too deeply, are invalid."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse JSON, or raise ValueError."""
        # Both counts exceed the number of values, because texts can have these characters too.
        count = sum(map(s.count, ",[{")) if isinstance(s, str) else sum(map(s.count, (b",", b"[", b"{")))
        if count > MAX_JSON_VALUES:
            raise ValueError(f"The JSON has more than {MAX_JSON_VALUES:,} values.")
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("The JSON is nested too deeply.") from error


class FormParser(FormDataParser):
    """A form parser that rejects malformed forms; Werkzeug's returns an empty form."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]:
        """Parse a form, or raise BadRequest."""
        self.silent = False
        try:
            return super().parse(stream, mimetype, content_length, options)
        except ValueError as error:
            raise BadRequest("The form is malformed. Send UTF-8 text, and files as multipart/form-data.") from error


class _MultipartDecoder(MultipartDecoder):
    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        """Read the headers of a part. File names that are not UTF-8 are read as Windows-1252, Latin-1 included."""
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("cp1252", "replace").encode()
        return super()._parse_headers(data)


# Werkzeug has no option for the decoder, which rejects the whole form for one such name.
formparser.MultipartDecoder = _MultipartDecoder  # type: ignore[attr-defined]
