"""Requests under load, out of time, and full of what breaks parsers."""

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app import tracing
from app.web.middleware import watchdog
from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.recognizer_loading import RecognizerLoader
from tests import hostile, photos
from tests.slow import slow
from tests.web.middleware.conftest import UPLOAD_PATHS, post


@pytest.fixture
def slow_detection(recognizer, monkeypatch):
    """Detection that lasts until the test says so; gives (it has begun, let it end)."""
    begun, end = threading.Semaphore(0), threading.Event()
    find_faces = recognizer.detector.find_faces

    def wait(picture):
        begun.release()
        assert end.wait(30)
        return find_faces(picture)

    monkeypatch.setattr(recognizer.detector, "find_faces", wait)
    yield begun, end
    end.set()


@pytest.mark.parametrize("path", UPLOAD_PATHS)
def test_a_full_queue_rejects_requests(serve, portrait, slow_detection, path):
    app, (begun, end) = serve(concurrency=1, queue=1), slow_detection
    with ThreadPoolExecutor(2) as pool:
        accepted = [pool.submit(post, app, portrait, path) for _ in range(2)]
        assert begun.acquire(timeout=20)
        while app.extensions["concurrency_limiter"].waiting < 1:
            time.sleep(0.01)
        refused = post(app, portrait, path)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.headers["Cache-Control"] == "no-store"
        assert "Try again in a few seconds" in refused.text
        assert "The server is busy." in refused.text
        assert app.test_client().get("/healthz/live").status_code == 200
        assert app.test_client().get("/").status_code == 200
        end.set()
        assert [one.result().status_code for one in accepted] == [200, 200]
    assert post(app, portrait, path).status_code == 200
    assert (app.extensions["concurrency_limiter"].active, app.extensions["concurrency_limiter"].waiting) == (0, 0)


@pytest.mark.parametrize("path", UPLOAD_PATHS)
def test_the_deadline_ends_requests_between_stages(serve, portrait, recognizer, monkeypatch, path):
    # Without a face nothing is left to do, but nothing is begun either.
    monkeypatch.setattr(recognizer.detector, "find_faces", lambda _picture: time.sleep(1.1) or ())
    answer = post(serve(request_seconds=1), portrait, path)
    assert answer.status_code == 503
    assert "took too long" in answer.text
    assert int(answer.headers["Retry-After"]) > 0


def test_stages_without_a_request_are_not_recorded():
    with tracing.stage("decode"):
        tracing.record_verdicts(["match"])


def test_errors_release_the_slot(serve, portrait, recognizer, monkeypatch):
    app = serve(concurrency=1, queue=0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with monkeypatch.context() as patch:
        patch.setattr(recognizer.network, "embed_raw", lambda _crops: 1 / 0)
        assert [post(app, portrait).status_code for _ in range(3)] == [500] * 3
    assert post(app, b"no photo").status_code == 422
    assert post(app, portrait).status_code == 200


def test_api_requests_have_a_size_limit(serve, portrait):
    answer = post(serve(max_request_bytes=len(portrait) // 2), portrait, "/api/v1/identify")
    assert answer.status_code == 413
    assert "The request is too large." in answer.text


@pytest.mark.parametrize("path", UPLOAD_PATHS)
def test_ten_thousand_form_fields_are_rejected(serve, path):
    form = hostile.many_fields()
    answer = serve().test_client().post(path, data=form, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert "8 photos, 16 other fields and 100 kB of text" in answer.text


@pytest.mark.parametrize("path", ["/sign-in", "/api/v1/people/1/merge", *UPLOAD_PATHS])
def test_large_forms_without_files_are_rejected_before_parsing(serve, path):
    """Parsing takes ten seconds and 800 MB."""
    client, headers = serve(admin_token="t" * 20).test_client(), {"Authorization": f"Bearer {'t' * 20}"}
    kind = "application/json" if "people" in path else "application/x-www-form-urlencoded"
    started = time.process_time()
    answer = client.post(path, data=b"a&" * 10_000_000, content_type=kind, headers=headers)
    assert answer.status_code == 413
    assert "The form is too large. The limit is 200 kB." in answer.text
    assert time.process_time() - started < 1


@pytest.mark.parametrize("path", UPLOAD_PATHS)
def test_mutated_forms_cause_no_server_error(serve, portrait, rng, path):
    client = serve().test_client()
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    form = head + photos.encode(photos.background(40, 30)) + b"\r\n--x--\r\n"
    kinds = ["multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data; boundary=", "image/jpeg"]
    kinds += ["multipart/form-data; boundary=" + "y" * 300, "application/x-www-form-urlencoded", "text/plain", ""]
    seen = set()
    for number in range(80):
        mutant = bytearray(form)
        for at in rng.integers(len(mutant) if number % 2 else len(head), size=rng.integers(1, 9)):
            mutant[at] = rng.integers(256)
        if rng.random() < 0.3:
            del mutant[rng.integers(len(mutant)) :]
        kind = kinds[0] if rng.random() < 0.7 else kinds[rng.integers(len(kinds))]
        seen.add(client.post(path, data=bytes(mutant), content_type=kind).status_code)
    assert seen <= {200, 400, 413, 415, 422}
    assert 400 in seen


@pytest.mark.parametrize(("letters", "status"), [(290_000, 422), (310_000, 413)])
def test_the_largest_text_and_photo_fit_together(serve, letters, status):
    app = serve(max_file_bytes=50_000, max_field_bytes=300_000, max_photos=1)
    form = {"note": "x" * letters, "image": (io.BytesIO(bytes(49_000)), "a.jpg")}
    assert app.test_client().post("/identify", data=form).status_code == status


def test_answers_do_not_depend_on_concurrency(serve, photo):
    app = serve(queue=100)
    names = list(photos.portraits())
    # Every tenth has three faces, which fill a larger batch than one does.
    sent = [photo(*names[at : at + (3 if at % 10 == 9 else 1)], size=(600, 300), side=160) for at in range(20)]

    def ask(data):
        return post(app, data, "/api/v1/identify").get_json()["faces"]

    alone = [ask(data) for data in sent]
    assert all(alone)
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(ask, sent))
    for one, other in zip(alone, together, strict=True):
        assert [face["box"] for face in one] == [face["box"] for face in other]
        assert [face["verdict"] for face in one] == [face["verdict"] for face in other]
        for left, right in zip(one, other, strict=True):
            assert [row["person"] for row in left["ranking"]] == [row["person"] for row in right["ranking"]]
            distances = [[row["class_distance"] for row in face["ranking"]] for face in (left, right)]
            np.testing.assert_allclose(*distances, atol=1e-4)


def test_a_stuck_process_becomes_unready_and_ends(serve, monkeypatch):
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 0.2)
    app, ended, codes = serve(), threading.Event(), []
    limiter, client = app.extensions["concurrency_limiter"], app.test_client()

    def probe():
        return [client.get(f"/healthz/{what}").status_code for what in ("live", "ready")]

    def end(code):
        codes.extend([code, *probe()])
        ended.set()

    assert probe() == [200, 200]
    watchdog.start(limiter, app.extensions["recognizer_loader"], 0.2, end)
    limiter.acquire(1)
    assert not ended.wait(0.1)
    assert ended.wait(30)
    assert codes == [70, 200, 503]


def test_a_busy_process_is_not_stuck():
    limiter, loading, ended = ConcurrencyLimiter(2, 0, 1), RecognizerLoader(object), threading.Event()
    loading.load()
    watchdog.start(limiter, loading, 0.3, lambda _code: ended.set())
    for ticket in range(10):
        limiter.acquire(ticket)
        time.sleep(0.06)
        limiter.release(ticket)
    assert not ended.is_set()
    assert loading.ready


@pytest.fixture
def faceless(serve, recognizer, small_gallery, monkeypatch):
    """An app that finds no face: what detectors do with odd pictures is looked at elsewhere; here it takes minutes."""
    monkeypatch.setattr(recognizer.detector, "find_faces", lambda _picture: ())
    # Most pages answer with everybody who is known.
    monkeypatch.setattr(recognizer, "gallery", small_gallery)
    return serve()


@pytest.mark.parametrize("what", hostile.files())
def test_every_generated_file_is_answered_by_page_and_api(faceless, what):
    data, codes = hostile.files()[what]
    page, answer = (post(faceless, data, path) for path in UPLOAD_PATHS)
    # A picture without a face is an answer of the API's, and on the page a sentence beside the form.
    assert (page.status_code, answer.status_code) == (422, 200 if "code" not in answer.json else 422)
    assert answer.json.get("code", "ok") in codes.split()


@slow
def test_every_hostile_file_is_answered_by_page_and_api(faceless, shared):
    seen = set()
    for file in sorted((shared / "hostile").rglob("*")):
        if file.is_file() and file.suffix != ".csv":
            for path in UPLOAD_PATHS:
                seen.add(post(faceless, file.read_bytes(), path, name=file.name).status_code)
    assert seen == {200, 422}
