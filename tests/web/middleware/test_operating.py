"""The documentation for operators matches the program."""

import json
import re

import yaml

from app.settings import ROOT
from docs import generate

PAGE = (ROOT / "docs" / "how-to" / "monitor.md").read_text(encoding="utf-8")


def test_the_example_of_a_log_line_has_the_fields_of_one():
    example = re.search(r'(?m)^    (\{"time".*)$', PAGE)[1]
    for field in ("time", "level", "event", "request", "route", "method", "status", "ms", "stages", "faces"):
        assert f'"{field}":' in example


METRICS = {
    name + suffix
    for name, kind in re.findall(r"(?m)^\| `(\w+)` \| (\w+) ", generate.metrics())
    for suffix in (("_bucket", "_count", "_sum") if kind == "histogram" else ("",))
}
"""Names of the time series at /metrics."""


def read_alerts() -> list[dict]:
    text = (ROOT / "deploy" / "prometheus-alerts.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["groups"][0]["rules"]


def test_alerts_use_metrics_that_exist_and_name_an_action():
    rules = read_alerts()
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        named = set(re.findall(r"faces_\w+", rule["expr"]))
        assert named <= METRICS, rule["alert"]
        assert named or "up{" in rule["expr"]
        assert rule["annotations"]["action"].endswith(".")


def test_health_checks_are_no_refused_requests():
    """They are 503 while a server starts, and most of the requests then."""
    (busy,) = (rule["expr"] for rule in read_alerts() if rule["alert"] == "WhopicBusy")
    selectors = re.findall(r"faces_requests_total(?:\{(.*?)\})?", busy)
    assert len(selectors) == 2
    assert all('route!~"/healthz/.*"' in selector for selector in selectors)


def test_the_dashboard_uses_metrics_that_exist():
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert {name for query in queries for name in re.findall(r"faces_\w+", query)} <= METRICS
    # Panels lie side by side in 24 columns and do not overlap.
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
