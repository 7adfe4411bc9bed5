"""The API's document: it tells of every operation, and every answer is as it says, whatever is sent."""

import re

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api import docs
from app.factory import create_app
from tests import photos
from tests.photos import OTHER, PERSON

OPERATIONS = ("identify", "compare", "list_people", "get_person", "get_portrait")

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

FUZZ = hypothesis.settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)


@pytest.fixture(scope="module")
def schema(settings, recognizer):
    """The document, and an app that keeps to it. Of the files that are sent some are pictures, some are none."""
    faces = [photos.portraits()[name] for name in (PERSON, OTHER)]
    pictures = [photos.encode(photos.paste(*some, size=(480, 360), side=150)) for some in (faces, faces[:1], [])]
    good, bad = strategies.sampled_from(pictures[:2]), strategies.sampled_from([pictures[2], pictures[0][:900], b""])
    schemathesis.openapi.format("binary", good | good | bad | strategies.binary())
    return schemathesis.openapi.from_wsgi("/api/openapi.json", create_app(settings, recognizer))


def test_it_lists_exactly_the_live_operations(app, client):
    document = client.get("/api/openapi.json").get_json()
    assert document["openapi"].startswith("3.1.")
    listed = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    live = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and not rule.endpoint.startswith(f"{docs.blueprint.name}.")
    }
    assert listed == live
    names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert sorted(names) == sorted(OPERATIONS)


def test_clients_cannot_set_the_detector(client, post, one):
    assert "detector" not in client.get("/api/openapi.json").text.replace("the detector's", "")
    response = post("identify?detector=mtcnn", ("image", "me.jpg", one))
    assert response.status_code == 400
    assert response.get_json()["detail"] == "There is no parameter 'detector' here; /api/docs lists them."


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_sent_the_answer_is_as_the_document_says(schema, name):
    statuses = []

    @FUZZ
    @hypothesis.given(case=schema.find_operation_by_id(name).as_strategy())
    def fuzz(case):
        response = case.call()
        statuses.append(response.status_code)
        case.validate_response(response, checks=CHECKS)

    fuzz()
    assert len(statuses) >= 10
    assert 200 in statuses or name == "get_portrait"


def test_the_page_needs_nothing_from_elsewhere(client):
    def text(address):
        with client.get(address) as response:
            assert response.status_code == 200
            return response.text

    asked = re.findall(r'(?:src|href)="([^"#]+)"', text("/api/docs"))
    styles = next(address for address in asked if address.endswith("/docs.css"))
    asked += re.findall(r'@import url\("([^"]+)"\)', text(styles).replace('"site.css"', '"/static/site.css"'))
    assert len([address for address in asked if address.startswith("/api/docs/assets/")]) == 2
    for address in asked:
        assert address.startswith("/")
        text(address)
