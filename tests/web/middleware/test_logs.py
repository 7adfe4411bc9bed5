import io
import json
import logging
import re
import sys

import pytest
from PIL import Image

from app.web.middleware import logs
from app.web.middleware.logs import REQUEST_ID_HEADER
from tests import photos
from tests.web.middleware.conftest import UPLOAD_PATHS, post


@pytest.fixture
def lines(monkeypatch):
    """What the log says, as objects."""
    text, root, app = io.StringIO(), logging.getLogger(), logging.getLogger("app")
    before = (root.handlers, root.level, app.level)
    monkeypatch.setattr(sys, "stderr", text)
    logs.configure()
    yield lambda: [json.loads(line) for line in text.getvalue().splitlines()]
    root.handlers, root.level, app.level = before


@pytest.mark.parametrize("path", UPLOAD_PATHS)
def test_a_request_is_one_line(serve, lines, portrait, path):
    answer = post(serve(), portrait, path)
    [line] = lines()
    assert list(line) == "time level event request route method status ms stages faces".split()
    assert (line["event"], line["route"], line["method"], line["status"]) == ("request", path, "POST", 200)
    assert list(line["stages"]) == ["decode", "detect", "embed", "rank"]
    assert 0 < sum(line["stages"].values()) <= line["ms"]
    assert line["faces"] == 1
    assert line["request"] == answer.headers[REQUEST_ID_HEADER]


def test_the_log_has_no_personal_data(serve, lines, portrait):
    app = serve()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    exif = Image.Exif()
    exif[0x010E] = "Ann in the picture's EXIF"
    for data in (portrait, photos.encode(photos.background(64, 48), exif=exif), b"secret words"):
        post(app, data, name="Ann Lee.jpg", environ_base={"REMOTE_ADDR": "192.0.2.77"}, headers={"User-Agent": "Mozi"})
    app.test_client().post("/api/v1/identify", data={"image": "Ann", "a secret": "of Adam"})
    app.test_client().get("/?q=Adam")
    app.test_client().get("/Adam Sandler")
    text = json.dumps(lines())
    assert len(lines()) == 6
    for private in ("Ann", "Adam", "Sandler", "192.0.2", "Mozi", "secret"):
        assert private not in text


def test_probes_are_not_logged(serve, lines):
    client = serve().test_client()
    for path in ("/healthz/live", "/healthz/ready", "/metrics", "/static/site.css"):
        client.get(path, buffered=True)
    assert lines() == []


def test_server_errors_are_logged_with_traceback_and_request_id(serve, lines, recognizer, monkeypatch, portrait):
    def fail(_data):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(recognizer, "detect", fail)
    app = serve()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = post(app, portrait)
    fault, request = lines()
    assert fault["level"] == "error"
    assert "a mistake" in fault["traceback"]
    assert fault["request"] == request["request"] == answer.headers[REQUEST_ID_HEADER]
    assert request["status"] == 500


@pytest.mark.parametrize("sent", ["abc-123", "A" * 64, "0.1_x"])
def test_valid_request_ids_are_kept(serve, sent):
    assert serve().test_client().get("/nowhere", headers={REQUEST_ID_HEADER: sent}).headers[REQUEST_ID_HEADER] == sent


@pytest.mark.parametrize("sent", [None, "", "A" * 65, "two words", "<b>", "é"])
def test_invalid_request_ids_are_replaced(serve, sent):
    client = serve().test_client()
    headers = {} if sent is None else {REQUEST_ID_HEADER: sent}
    found = [client.get("/", headers=headers).headers[REQUEST_ID_HEADER] for _ in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in found)
    assert found[0] != found[1]
