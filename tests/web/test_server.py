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


@pytest.fixture(scope="module")
def unready_server(tmp_path_factory):
    """A server that cannot load its network and logs warnings only."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, FACES_MODEL=str(folder / "none.json"), FACES_LOG="off") as server:
        assert server.line(60).startswith(f"There is no model card at {folder / 'none.json'}.")
        yield server


def test_a_server_that_cannot_load_is_never_ready(unready_server):
    assert fetch(f"{unready_server.address}/healthz/live")[0] == 200
    assert fetch(f"{unready_server.address}/healthz/ready")[0] == 503
    status, page = fetch(unready_server.address)
    assert status == 503
    assert "could not start" in page
    assert unready_server.line(0.5) == ""


def test_malformed_http_is_answered_with_security_headers_and_not_logged(unready_server):
    sent = {
        b"Ann Lee\r\n\r\n": 400,
        b"GET /Ann HTTP/1.1\r\nAnn Lee\r\n\r\n": 400,
        b"GET /" + 9000 * b"a" + b" HTTP/1.1\r\n\r\n": 414,
        b"GET / HTTP/1.1\r\n" + 200 * b"Ann: Lee\r\n" + b"\r\n": 431,
        b"GET / HTTP/1.1\r\nHost: a\r\nExpect: Ann\r\n\r\n": 417,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Ann\r\n\r\n": 501,
    }
    host, _, port = unready_server.address.removeprefix("http://").partition(":")
    for request, status in sent.items():
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
        line = json.loads(unready_server.line(20))
        assert line.pop("time")
        assert line == {"level": "warning", "event": "malformed_http_request"}


def test_an_invalid_setting_ends_the_server_with_one_line(tmp_path):
    with serving(tmp_path, FACES_CONCURRENCY="many") as server:
        assert server.line(30) == "FACES_CONCURRENCY is 'many'. It must be a whole number from 1 to 1000.\n"
        assert server.line(30) == ""
        assert server.process.wait(30) == 1


def test_a_setting_that_the_app_rejects_ends_the_server(tmp_path):
    """gunicorn would go on starting workers that end."""
    with serving(tmp_path, FACES_TRUSTED_HOSTS="http://a") as server:
        assert server.line(60).startswith("FACES_TRUSTED_HOSTS ")
        assert server.process.wait(30) != 0
