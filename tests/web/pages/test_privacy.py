import pytest

from app.web.factory import create_app
from tests.web.conftest import text


def test_the_upload_page_leads_to_the_privacy_page(client):
    page = client.get("/").text
    assert 'Processed in memory, never stored. Ask people before you upload photos of them. <a href="/privacy">' in page
    assert "Your photos" in client.get("/privacy").text


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"contact": "faces@example.org"}, "Write to the operator to ask"),
        ({"contact": "off"}, "has not published a contact"),
        ({"keep_crops": True}, "(the average of their faces), face crops, and the file names"),
        (
            {"keep_crops": False},
            "aliases, embeddings, portraits (the average of their faces), and the file names",
        ),
        ({"recovery_days": 1}, "can be restored for 1 day, and are then erased"),
        ({"log": "json"}, "writes a log line for each request"),
        ({"log": "off"}, "logs warnings and errors only"),
        ({"rate_limit": "5/minute"}, "counts requests and seconds of work"),
    ],
    ids=str,
)
def test_the_page_says_what_this_server_does(settings, recognizer, setting, sentence):
    client = create_app(settings.with_changes(**setting), recognizer).test_client()
    assert sentence in text(client.get("/privacy"))


def test_what_is_off_is_not_claimed(settings, recognizer):
    unlimited = settings.with_changes(rate_limit="off", client_seconds="off", recovery_days=0)
    page = text(create_app(unlimited, recognizer).test_client().get("/privacy"))
    assert "by network address" not in page
    assert "can be restored" not in page
