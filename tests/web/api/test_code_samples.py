"""Code samples of the OpenAPI document: each sends the same accepted request in every language."""

import io
import json
import os
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.web.factory import create_app
from tests.conftest import TOKEN
from tests.web.api.test_docs import OPERATIONS

AUTHORIZATION = f"Bearer {TOKEN}"


@pytest.fixture(scope="module")
def client(settings, recognizer, tmp_path_factory):
    """A client of an app with a token and an empty gallery."""
    url = f"sqlite:///{tmp_path_factory.mktemp('empty') / 'gallery.sqlite'}"
    gallery = Gallery.open(url, recognizer.network.card.id, None)
    empty = Recognizer(settings, recognizer.detector, recognizer.network, gallery)
    yield create_app(settings.with_changes(admin_token=TOKEN), empty).test_client()
    gallery.close()


@pytest.fixture(scope="module")
def samples(client):
    """Every operation's samples by language."""
    paths = client.get("/api/openapi.json").get_json()["paths"]
    return {
        operation["operationId"]: {sample["lang"]: sample["source"] for sample in operation["x-codeSamples"]}
        for item in paths.values()
        for operation in item.values()
    }


def run_python(source, client):
    """Run a sample whose requests go to the client; return the request and the response."""
    sent = []

    def send(method):
        def request(url, files=None, timeout=None, **options):
            names = {field: file.name for field, file in (files or {}).items()}
            data = {field: (io.BytesIO(file.read()), file.name) for field, file in (files or {}).items()}
            response = client.open(url, method=method, data=data or None, **options)
            authorized = options.get("headers", {}).get("Authorization") == AUTHORIZATION
            sent.append(((method, url, names, options.get("json"), authorized), response))
            return SimpleNamespace(raise_for_status=lambda: None, json=response.get_json, content=response.data)

        return request

    requests = SimpleNamespace(**{name: send(name.upper()) for name in ("get", "post", "put", "patch", "delete")})
    exec(re.sub(r"^import \w+$", "", source, flags=re.M), {"requests": requests, "os": os, "print": lambda *_: None})
    return sent[0]


def read_curl(source):
    """Return the request of a curl command."""
    words = iter(shlex.split(source.replace("\\\n", ""))[1:])
    method, files, body, headers, url = None, {}, None, [], ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-F":
            field, _, name = next(words).partition("=@")
            files[field] = name
        elif word == "-d":
            body = json.loads(next(words))
        elif word == "-H":
            headers.append(next(words))
        elif word == "-o":
            next(words)
        else:
            url = word
    authorized = "Authorization: Bearer $WHOPIC_KEY" in headers
    return method or ("POST" if files or body else "GET"), url, files, body, authorized


def read_javascript(source):
    """Return the request of a module for Node.js."""
    method = re.search(r'method: "(\w+)"', source)
    files = re.findall(r'form\.append\("(\w+)", await openAsBlob\("([\w.]+)"\)', source)
    body = re.search(r"JSON\.stringify\((.*)\)", source)
    return (
        method[1] if method else "GET",
        re.search(r'fetch\("(.*?)"', source)[1],
        dict(files),
        json.loads(body[1]) if body else None,
        "process.env.WHOPIC_KEY" in source,
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_sample_sends_the_same_accepted_request(client, samples, one, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHOPIC_KEY", TOKEN)
    for file in ("photo.jpg", "first.jpg", "second.jpg"):
        Path(file).write_bytes(one)
    sent, response = run_python(samples[name]["Python"], client)
    # The gallery is empty, so it has no person and no change with the made-up ID.
    assert response.status_code in (200, 204, 404, 409), response.text
    assert read_curl(samples[name]["Shell"]) == sent
    assert read_javascript(samples[name]["JavaScript"]) == sent
