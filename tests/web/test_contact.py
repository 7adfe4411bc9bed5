"""Links to the operator's contact on the pages of visitors."""

import re
from html import unescape

import pytest

from app.web.factory import create_app
from tests.conftest import TOKEN
from tests.photos import PERSON
from tests.web.conftest import send

LABELS = ("Wrong name?", "Report or ask for removal")


def reports(page) -> list[tuple[str, str]]:
    """Return address and label of every link to the contact."""
    links = re.findall(r'<a href="([^"]*)">([^<]*)</a>', page.text)
    return [(unescape(address), label) for address, label in links if label in LABELS]


@pytest.mark.parametrize(
    ("contact", "removal", "about", "wrong"),
    [
        (
            "a&b@faces.example",
            "mailto:a%26b@faces.example?subject=Report%20or%20request%20for%20removal",
            "mailto:a%26b@faces.example?subject=About%20Adam%20Sandler",
            "mailto:a%26b@faces.example?subject=Wrong%20name%3A%20Adam%20Sandler",
        ),
        ("https://faces.example/help", *["https://faces.example/help"] * 3),
    ],
)
def test_visitors_can_report_a_wrong_name(settings, recognizer, portrait_photo, contact, removal, about, wrong):
    changed = settings.with_changes(contact=contact, admin_token=TOKEN)
    client = create_app(changed, recognizer).test_client()
    assert reports(client.get("/")) == [(removal, LABELS[1])]
    person = recognizer.gallery.find(PERSON)
    assert reports(client.get(f"/people/{person.id}")) == [(about, LABELS[1]), (removal, LABELS[1])]
    assert reports(send(client, portrait_photo)) == [(wrong, LABELS[0]), (removal, LABELS[1])]
    # Administrators correct the name instead.
    client.post("/sign-in", data={"key": TOKEN})
    assert reports(send(client, portrait_photo)) == [(removal, LABELS[1])]


def test_without_a_contact_no_link_is_shown(client, portrait_photo, recognizer):
    for page in (client.get(f"/people/{recognizer.gallery.find(PERSON).id}"), send(client, portrait_photo)):
        assert not any(label in page.text for label in LABELS)
