"""What a visitor sees while the database is away, and after it is back."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

from app.gallery.database import migrate_gallery
from app.gallery.store import Gallery
from app.settings import Settings
from app.web.factory import create_app
from tests import postgres
from tests.conftest import NETWORK, TOKEN


def test_requests_fail_with_503_and_recover_without_a_restart(template, unit_vectors, caplog):
    with postgres.running() as server:
        url = server.url(server.create())
        migrate_gallery(url)
        gallery = Gallery.open(url, NETWORK, None)
        gallery.add("Ann", unit_vectors(1), ["1"])
        client = create_app(Settings(), Mock(gallery=gallery)).test_client()
        assert "Ann" in client.get("/").text
        server.stop()
        page, answer = client.get("/"), client.get("/api/v1/people")
        assert (page.status_code, answer.status_code, answer.json["code"]) == (503, 503, "gallery_unavailable")
        assert page.headers["Retry-After"] == answer.headers["Retry-After"] == "5"
        assert "The gallery is unavailable." in page.text
        assert "postgresql" not in page.text + answer.text
        assert client.get("/healthz/ready").json["status"] == "failed"
        assert "could not be read" in caplog.text
        server.start()
        assert "Ann" in client.get("/").text
        assert client.get("/api/v1/people").status_code == 200
        gallery.close()


def test_a_deleted_file_fails_changes_and_readiness(sqlite_url, unit_vectors):
    gallery = Gallery.open(sqlite_url, NETWORK, None)
    ann = gallery.add("Ann", unit_vectors(1), ["1"]).id
    app = create_app(Settings().with_changes(admin_token=TOKEN), Mock(gallery=gallery))
    client = app.test_client()
    Path(sqlite_url.removeprefix("sqlite:///")).unlink()
    answer = client.delete(f"/api/v1/people/{ann}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json["code"]) == (503, "gallery_moved")
    assert answer.json["detail"].startswith("The file of the gallery was deleted or replaced while the program runs.")
    ready = client.get("/healthz/ready")
    assert (ready.status_code, ready.json) == (503, {"status": "failed", "reason": answer.json["detail"]})
    gallery.close()
