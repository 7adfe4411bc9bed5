"""Health checks, request ids, and the errors that every route has in common."""

import threading

import pytest

from app.errors import GalleryError
from app.web.recognizer_loading import EXTENSION, RecognizerLoader
from tests.web.api.conftest import assert_problem, send


@pytest.fixture
def loading():
    """A loading that lasts until the test is over."""
    end = threading.Event()
    loading = RecognizerLoader(end.wait)
    loading.start()
    yield loading
    end.set()
    loading.wait(10)


@pytest.fixture
def failed(capsys):
    """A loading that failed."""

    def fail():
        raise GalleryError("The gallery is gone. Restore it.")

    loading = RecognizerLoader(fail)
    loading.start()
    loading.wait(10)
    return loading


def client_with(app, loading):
    app.extensions[EXTENSION] = loading
    return app.test_client()


def test_request_ids_of_clients_are_kept(client):
    for path in ("/api/v1/people", "/api/v1/nothing", "/healthz/live", "/"):
        response = client.get(path, headers={"X-Request-ID": "abc-123"})
        assert response.headers["X-Request-ID"] == "abc-123"
    problem = client.get("/api/v1/nothing", headers={"X-Request-ID": "abc-123"}).get_json()
    assert problem["request_id"] == "abc-123"


@pytest.mark.parametrize("sent", ["", "x" * 200, "a b", "<script>", "a%0d%0ab"])
def test_invalid_request_ids_of_clients_are_replaced(client, sent):
    ids = [client.get("/api/v1/people", headers={"X-Request-ID": sent}).headers["X-Request-ID"] for _ in range(2)]
    assert len({*ids, sent}) == 3
    assert all(one.isalnum() for one in ids)


def test_ready(client, recognizer):
    response = client.get("/healthz/ready")
    assert response.status_code == 200
    assert response.get_json() == {
        "status": "ready",
        "detector": recognizer.detector.backend,
        "network": recognizer.network.card.id,
        "fpir": 0.01,
        "people": len(recognizer.gallery.people()),
        "anchors": len(recognizer.gallery.snapshot().anchors),
    }


def test_alive_but_not_ready(app, loading, one):
    client = client_with(app, loading)
    assert client.get("/healthz/live").get_json() == {"status": "alive"}
    response = client.get("/healthz/ready")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.get_json()["status"] == "loading"
    for answer in (send(client, "identify", ("image", "me.jpg", one)), client.get("/api/v1/people")):
        assert_problem(answer, 503, "not_ready", "The server is starting.")
        assert int(answer.headers["Retry-After"]) > 0


def test_never_ready(app, failed):
    response = client_with(app, failed).get("/healthz/ready")
    assert response.status_code == 503
    assert response.get_json()["status"] == "failed"
    assert response.get_json()["reason"].startswith("The server could not start.")
    assert "gallery" not in response.text


def test_unknown_addresses(client):
    for path in ("/api/v1/nothing", "/api", "/api/", "/api/v2/identify", "/api/v1/people/", "/healthz/nothing"):
        assert_problem(client.get(path), 404, "not_found", "This address does not exist.")
    assert client.get("/nothing").mimetype == "text/html"


@pytest.mark.parametrize(
    ("path", "methods"), [("/api/v1/people", "GET, HEAD, OPTIONS, POST"), ("/api/v1/removed", "GET, HEAD, OPTIONS")]
)
def test_options_lists_the_methods_without_content(client, path, methods):
    response = client.options(path)
    assert (response.status_code, response.content_type, response.text) == (204, None, "")
    assert ", ".join(sorted(response.allow)) == methods
    assert_problem(client.options("/api/v1/nothing"), 404, "not_found", "This address does not exist.")


@pytest.mark.parametrize(("path", "method"), [("identify", "GET"), ("compare", "PUT"), ("people", "PUT")])
def test_wrong_methods(client, path, method):
    response = client.open(f"/api/v1/{path}", method=method)
    right = "GET and POST" if path == "people" else "POST"
    assert_problem(response, 405, "method_not_allowed", f"This address supports {right}.")
    assert set(right.split(" and ")) <= set(response.headers["Allow"].split(", "))


def test_server_errors_show_no_detail(app, recognizer, monkeypatch, one):
    def break_down(*_arguments):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(recognizer, "identify", break_down)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    response = send(app.test_client(), "identify", ("image", "me.jpg", one))
    assert_problem(response, 500, "internal_error", "The server failed.")
    assert "secret" not in response.text


def test_server_errors_are_logged_without_the_file_name(app, recognizer, monkeypatch, one, caplog):
    def break_down(*_arguments):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(recognizer, "identify", break_down)
    send(app.test_client(), "identify", ("image", "private-name.jpg", one))
    assert "a mistake" in caplog.text
    assert "private-name" not in caplog.text
