"""The server health page, and the metrics that alert rules and dashboard use."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from datetime import timedelta

import pytest
from prometheus_client.metrics import MetricWrapperBase

from app import __version__
from app.gallery.database_status import BACKED_UP
from app.gallery.tables import now
from app.settings import ROOT
from app.web.admin import server_health
from app.web.middleware.metrics import Metrics
from tests.web.conftest import text

Usage = namedtuple("Usage", "total used free")


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
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1000 * 10**9, 0, 4 * 10**9))
    page = text(client.get("/manage/health"))
    assert "The last backup is 9 d 0 h old." in page
    assert "Gallery: only 4.0 GB of 1.0 TB are free." in page


def test_visitors_do_not_see_it(client):
    client.post("/sign-out")
    assert client.get("/manage/health").status_code == 303


@pytest.mark.parametrize("file", ["prometheus-alerts.yml", "grafana-dashboard.json"])
def test_metrics_of_rules_and_dashboard_exist(file):
    source = (ROOT / "deploy" / file).read_text(encoding="utf-8")
    if file.endswith("json"):
        panels = json.loads(source)["panels"]
        source = "\n".join(target["expr"] for panel in panels for target in panel.get("targets", []))
    labels: dict[str, set[str]] = {}
    for collector in vars(Metrics()).values():
        if isinstance(collector, MetricWrapperBase):
            (family,) = collector.describe()
            names = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
            labels |= {family.name + ending: {*collector._labelnames, "le", "job", "instance"} for ending in names}
    used = re.findall(r"\b(faces_\w+)(?:\{([^}]*)\})?", source)
    assert len(used) > 5
    assert {name for name, _ in used} <= labels.keys()
    for name, selector in used:
        assert set(re.findall(r"(\w+)\s*[=!]~?", selector)) <= labels[name]


def test_a_backup_is_a_metric(client, gallery):
    assert "faces_last_backup_timestamp_seconds 0.0" in client.get("/metrics").text
    gallery.audit.record(BACKED_UP)
    value = float(re.search(r"(?m)^faces_last_backup_timestamp_seconds (.*)$", client.get("/metrics").text)[1])
    assert abs(value - now().timestamp()) < 60
