"""The server health page."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from types import SimpleNamespace

from sqlalchemy import update

from app import __version__
from app.gallery.database_status import BACKED_UP
from app.gallery.tables import PersonRow, now
from app.web.admin import server_health
from tests.photos import OTHER
from tests.web.conftest import text


def rows(page) -> dict[str, str]:
    """The rows of all tables: label and value."""
    found = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', page.text)
    return {re.sub("<[^>]*>", "", label): value for label, value in found}


def test_versions_disk_and_traffic(client, gallery):
    gallery.audit.record(BACKED_UP)
    client.get("/nowhere")
    client.get("/people")
    client.get("/healthz/ready")
    found = rows(client.get("/manage/health"))
    assert found["Whopic"] == __version__
    assert found["Network"] == gallery.network_id
    assert re.fullmatch(r"\d{4}", found["Tables of the gallery"])
    assert found["Database"].startswith("SQLite 3.")
    assert {"deepface", "opencv-python", "Flask"} <= found.keys()
    assert re.fullmatch(r"[\d.]+ (KB|MB)", found["Size of the database"])
    assert re.fullmatch(r"[\d.]+ [GT]B of [\d.]+ [GT]B", found["Gallery"])
    assert found["Last backup"].startswith(f"{now():%Y-%m-%d}")
    # The sign-in, an unknown address and a page; health checks do not count.
    assert (found["Answers"], found["Rejected (4xx)"], found["Failed (other 5xx)"]) == ("3", "1 (33.3 %)", "0 (0.0 %)")
    assert found["Now active"].endswith(" of 12")
    assert re.fullmatch(r"1; (\d+ ms|[\d.]+ s), (\d+ ms|[\d.]+ s)", found["/people"])
    assert "/healthz/ready" not in found


def test_it_warns_of_a_full_disk_and_of_old_and_missing_backups(client, gallery, monkeypatch):
    page = text(client.get("/manage/health"))
    assert "There is no backup in the audit log. Make one: whopic people backup FILE" in page
    assert "are free. Changes fail" not in page
    gallery.audit.record(BACKED_UP)
    assert "backup in the audit log" not in text(client.get("/manage/health"))
    monkeypatch.setattr(server_health, "now", lambda: now() + timedelta(days=9, minutes=5))
    usage = SimpleNamespace(f_frsize=4096, f_bavail=4 * 10**9 // 4096, f_blocks=1000 * 10**9 // 4096)
    monkeypatch.setattr(os, "statvfs", lambda folder: usage)
    page = text(client.get("/manage/health"))
    assert "The last backup is 9 d 0 h old." in page
    assert "Gallery: only 4.0 GB of 1.0 TB are free." in page


def test_visitors_do_not_see_it(client):
    client.post("/sign-out")
    assert client.get("/manage/health").status_code == 303


def test_a_backup_is_a_metric(client, gallery):
    assert "faces_last_backup_timestamp_seconds 0.0" in client.get("/metrics").text
    gallery.audit.record(BACKED_UP)
    value = float(re.search(r"(?m)^faces_last_backup_timestamp_seconds (.*)$", client.get("/metrics").text)[1])
    assert abs(value - now().timestamp()) < 60


def test_expiring_people_are_listed(client, gallery):
    assert "No record ends within 30 days." in text(client.get("/manage/health"))
    ann = gallery.change_record("Ann <b>", {"expires": f"{now() + timedelta(days=3):%Y-%m-%d}"})
    gallery.change_record(OTHER, {"expires": f"{now() + timedelta(days=90):%Y-%m-%d}"})
    page = client.get("/manage/health")
    assert f'<a href="/manage/people/{ann.id}">Ann &lt;b&gt;</a></th><td>expires on {ann.record.expires}' in page.text
    assert OTHER not in page.text
    with gallery._database.writing() as connection:
        connection.execute(update(PersonRow).where(PersonRow.id == ann.id).values(expires=f"{now():%Y-%m-%d}"))
    gallery.rights.hide_expired()
    assert "hidden, erased on 20" in client.get("/manage/health").text
