import json
import urllib.error
import urllib.request

import pytest

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
        assert "needs its operator" in page
        assert server.line(0.5) == ""


def test_a_wrong_setting_ends_the_server_with_one_line(tmp_path):
    with serving(tmp_path, FACES_THREADS="many") as server:
        assert server.line(30) == "FACES_THREADS is 'many'; it has to be a whole number from 1 to 1000.\n"
        assert server.line(30) == ""
        assert server.process.wait(30) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("TRUSTED_HOSTS", "http://a"), ("RATE_LIMIT", "often"), ("RATE_STORAGE", "mysql://host")]
)
def test_a_setting_that_only_the_app_can_judge_ends_the_server_too(tmp_path, name, value):
    """gunicorn would go on starting workers that end."""
    with serving(tmp_path, **{f"FACES_{name}": value}) as server:
        assert server.line(60).startswith(f"FACES_{name} ")
        assert server.process.wait(30) != 0


def test_the_address_is_printed_once_the_server_is_ready(tmp_path):
    with serving(tmp_path, FACES_MAX_BYTES="100000") as server:
        assert server.line(180) == f"Ready: {server.address}\n"
        status, body = fetch(f"{server.address}/healthz/ready")
        assert status == 200
        assert json.loads(body)["status"] == "ready"
        # The whole of a refused upload is taken in, or the sender would see a broken connection instead of an answer.
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        upload = urllib.request.Request(f"{server.address}/identify", data=bytes(30_000_000), headers=kind)
        status, page = fetch(upload)
        assert status == 413
        assert "The file is too large: 0.1 MB" in page
