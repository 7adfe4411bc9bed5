"""The API's document: it tells of every operation, and every answer is as it says, whatever is sent."""

import base64
import re
from collections.abc import Iterator

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

from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.web.api import docs
from app.web.factory import create_app
from tests import photos
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON
from tests.web.api.conftest import BEARER

READING = ("identify", "compare", "list_people", "get_person", "get_portrait")

CHANGING = (
    *(
        "add_person",
        "rename_person",
        "remove_person",
        "merge_people",
        "list_removed",
        "replace_aliases",
        "get_record",
        "change_record",
        "restore_person",
    ),
    *("list_changes", "undo_change", "list_anchors", "remove_anchor"),
    *("list_rejected", "reject_faces", "remove_rejected"),
    *("list_opt_outs", "add_opt_out", "remove_opt_out"),
)

OPERATIONS = READING + CHANGING

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

FUZZ = hypothesis.settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)


@pytest.fixture(scope="module")
def scratch(settings, recognizer, tmp_path_factory) -> Iterator[Recognizer]:
    """The shared recognizer with a gallery of its own, to be changed at random."""
    url = f"sqlite:///{tmp_path_factory.mktemp('scratch') / 'gallery.sqlite'}"
    gallery = Gallery.open(url, recognizer.network.card.id, settings.anchors)
    yield Recognizer(settings, recognizer.detector, recognizer.network, gallery)
    gallery.close()


@pytest.fixture(scope="module")
def schema(settings, scratch):
    """The document, and an app that keeps to it. Of the files that are sent some are pictures, some are none."""
    faces = [photos.portraits()[name] for name in (PERSON, OTHER)]
    pictures = [photos.encode(photos.paste(*some, size=(480, 360), side=150)) for some in (faces, faces[:1], [])]
    good, bad = strategies.sampled_from(pictures[:2]), strategies.sampled_from([pictures[2], pictures[0][:900], b""])
    schemathesis.openapi.format("binary", good | good | bad | strategies.binary())
    schemathesis.openapi.format("byte", (good | good | bad).map(lambda data: base64.b64encode(data).decode()))
    return schemathesis.openapi.from_wsgi(
        "/api/openapi.json", create_app(settings.with_changes(admin_token=TOKEN), scratch)
    )


def test_the_document_lists_all_operations(app, client):
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
    portrait = document["paths"]["/api/v1/people/{person_id}/portrait"]["get"]["responses"]["200"]["content"]
    assert portrait == {"image/webp": {"schema": {"type": "string", "format": "binary"}}}
    names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert sorted(names) == sorted(OPERATIONS)


def test_clients_cannot_set_the_detector(client, post, one):
    assert "detector" not in client.get("/api/openapi.json").text.replace("Confidence of the detector", "")
    response = post("identify?detector=mtcnn", ("image", "me.jpg", one))
    assert response.status_code == 400
    assert response.get_json()["detail"] == "Unknown parameter 'detector'. See /api/docs."


@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_conform_to_the_document(schema, name):
    statuses = []

    @FUZZ
    @hypothesis.given(case=schema.find_operation_by_id(name).as_strategy())
    def fuzz(case):
        for index in {"face_a", "face_b"} & set(case.query or {}):
            # Hardly any photo has the faces that made-up numbers count.
            if isinstance(case.query[index], int) and case.query[index] > 2:
                case.query[index] = 1
        response = case.call(headers=BEARER if name in CHANGING else {})
        statuses.append(response.status_code)
        case.validate_response(response, checks=CHECKS)

    fuzz()
    assert len(statuses) >= 10
    # Made-up people and changes rarely exist, and two made-up photos with made-up faces can rarely be compared.
    rare = ("compare", "get_portrait", "merge_people", "replace_aliases", "restore_person", "undo_change")
    assert 200 in statuses or name in rare or missing(name)


def missing(name: str) -> bool:
    """Whether an operation is about a single face or entry, which made-up numbers hardly ever hit."""
    return name in ("remove_anchor", "remove_rejected", "reject_faces", "remove_opt_out")


def test_the_page_loads_nothing_from_other_hosts(client):
    def text(address):
        with client.get(address) as response:
            assert response.status_code == 200
            return response.text

    asked = re.findall(r'(?:src|href)="([^"#]+)"', text("/api/docs"))
    styles = next(address for address in asked if address.endswith("/api_docs.css"))
    asked += re.findall(r'@import url\("([^"]+)"\)', text(styles).replace('"site.css"', '"/static/site.css"'))
    assert len([address for address in asked if address.startswith("/api/docs/assets/")]) == 2
    for address in asked:
        assert address.startswith("/")
        text(address)
