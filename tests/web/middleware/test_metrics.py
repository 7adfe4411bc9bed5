from prometheus_client.parser import text_string_to_metric_families

from tests.web.middleware.conftest import post


def figures(text: str) -> dict[tuple, float]:
    """Every sample by its name and the values of its labels, in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_requests_and_verdicts(serve, portrait, recognizer):
    app = serve()
    post(app, portrait)
    post(app, b"no photo", "/api/v1/identify")
    app.test_client().get("/nowhere/at/all")
    answer = app.test_client().get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    found = figures(answer.text)
    assert found["faces_requests_total", "POST", "/identify", "200"] == 1
    assert found["faces_requests_total", "POST", "/api/v1/identify", "422"] == 1
    assert found["faces_requests_total", "GET", "none", "404"] == 1
    assert found["faces_verdicts_total", "match"] == 1
    assert found["faces_stage_seconds_count", "rank"] == 1
    assert found["faces_stage_seconds_count", "decode"] == 2
    assert found["faces_gallery_people",] == len(recognizer.gallery.people())
    assert found["faces_model_info", recognizer.detector.backend, recognizer.network.card.id] == 1
    assert found["faces_workers_ready",] == 1
    assert found["faces_requests_active",] == found["faces_requests_waiting",] == 0


def test_unknown_methods_and_addresses_share_a_label(serve):
    client = serve().test_client()
    for number in range(3):
        assert client.open("/", method=f"BREW{number}").status_code == 405
        assert client.open(f"/nowhere/{number}", method=f"BREW{number}").status_code == 404
    text = client.get("/metrics").text
    found = figures(text)
    assert found["faces_requests_total", "other", "none", "405"] == 3
    assert found["faces_requests_total", "other", "none", "404"] == 3
    assert "BREW" not in text


def test_metrics_can_be_disabled(serve):
    assert serve(metrics=False).test_client().get("/metrics").status_code == 404
