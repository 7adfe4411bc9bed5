import http.client
import json
import socket
import urllib.error
import urllib.request

import pytest

from app.web.middleware.security_headers import HEADERS
from tests.server import serving


def fetch(address: str | urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_server_that_cannot_load_says_why_in_one_line_and_is_never_ready(tmp_path):
    with serving(tmp_path, FACES_MODEL=str(tmp_path / "none.json"), FACES_LOG="off") as server:
        assert server.line(60).startswith(f"There is no model card at {tmp_path / 'none.json'}.")
        assert fetch(f"{server.address}/healthz/live")[0] == 200
        assert fetch(f"{server.address}/healthz/ready")[0] == 503
        status, page = fetch(server.address)
        assert status == 503
        assert "could not start" in page
        assert server.line(0.5) == ""


def test_what_is_no_http_gets_a_sentence_with_the_headers_of_every_answer_and_is_not_logged(tmp_path):
    sent = {
        b"Ann Lee\r\n\r\n": 400,
        b"GET /Ann HTTP/1.1\r\nAnn Lee\r\n\r\n": 400,
        b"GET /" + 9000 * b"a" + b" HTTP/1.1\r\n\r\n": 414,
        b"GET / HTTP/1.1\r\n" + 200 * b"Ann: Lee\r\n" + b"\r\n": 431,
        b"GET / HTTP/1.1\r\nHost: a\r\nExpect: Ann\r\n\r\n": 417,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Ann\r\n\r\n": 501,
    }
    with serving(tmp_path, FACES_MODEL=str(tmp_path / "none.json")) as server:
        assert "none.json" in server.line(60)
        for request, status in sent.items():
            host, _, port = server.address.removeprefix("http://").partition(":")
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(request)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                assert answer.status == status
                assert {name: answer.headers[name] for name in HEADERS} == HEADERS
                assert "no-store" in answer.headers["Cache-Control"]
                body = answer.read().decode()
            assert body.endswith(".\n")
            assert "Ann" not in body
            line = json.loads(server.line(20))
            assert line.pop("time")
            assert line == {"level": "warning", "event": "malformed_http_request"}


def test_a_wrong_setting_ends_the_server_with_one_line(tmp_path):
    with serving(tmp_path, FACES_CONCURRENCY="many") as server:
        assert server.line(30) == "FACES_CONCURRENCY is 'many'. It must be a whole number from 1 to 1000.\n"
        assert server.line(30) == ""
        assert server.process.wait(30) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("TRUSTED_HOSTS", "http://a"), ("RATE_LIMIT", "often"), ("RATE_LIMIT_STORAGE", "mysql://host")]
)
def test_a_setting_that_only_the_app_can_judge_ends_the_server_too(tmp_path, name, value):
    """gunicorn would go on starting workers that end."""
    with serving(tmp_path, **{f"FACES_{name}": value}) as server:
        assert server.line(60).startswith(f"FACES_{name} ")
        assert server.process.wait(30) != 0


def test_the_address_is_printed_once_the_server_is_ready(tmp_path):
    with serving(tmp_path, FACES_MAX_FILE_BYTES="100000") as server:
        assert server.line(180) == f"Ready: {server.address}\n"
        status, body = fetch(f"{server.address}/healthz/ready")
        assert status == 200
        assert json.loads(body)["status"] == "ready"
        # The whole of a refused upload is taken in, or the sender would see a broken connection instead of an answer.
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        upload = urllib.request.Request(f"{server.address}/identify", data=bytes(30_000_000), headers=kind)
        status, page = fetch(upload)
        assert status == 413
        assert "The request is too large. The limit is 0.1 MB per photo" in page
