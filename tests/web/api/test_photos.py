import base64
import json

import pytest
from click.testing import CliRunner
from PIL import Image

from app import serialization
from app.cli import common, main
from app.web.factory import create_app
from tests import videos
from tests.photos import OTHER, PERSON
from tests.web.api.conftest import assert_problem, send

UNREADABLE = "The file could not be read as a picture."


def test_one_photo(post, recognizer, one):
    response = post("identify", ("image", "me.jpg", one))
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    answer = response.get_json()
    assert answer == serialization.identification("me.jpg", recognizer.identify(one))
    assert answer["faces"][0]["person"] == PERSON
    assert len(answer["faces"][0]["ranking"]) == serialization.RANKING_ROWS


def test_the_command_line_prints_the_same_json(post, settings, recognizer, one, tmp_path, monkeypatch):
    file = tmp_path / "me.jpg"
    file.write_bytes(one)
    monkeypatch.setattr(common, "load_recognizer", lambda _settings: recognizer)
    printed = CliRunner().invoke(main, ["identify", "--json", str(file)]).stdout
    response = post("identify", ("image", str(file), one))
    assert response.text == printed


def test_all_people_can_be_ranked(client, recognizer, one):
    everyone = len(recognizer.gallery.people())
    for query, rows in (("?all=1", everyone), ("?all=true", everyone), ("?all=0", serialization.RANKING_ROWS)):
        answer = send(client, "identify" + query, ("image", "me.jpg", one)).get_json()
        assert len(answer["faces"][0]["ranking"]) == rows


def test_length_of_the_ranking(client, one):
    for top in (1, 25):
        answer = send(client, f"identify?top={top}", ("image", "me.jpg", one)).get_json()
        assert len(answer["faces"][0]["ranking"]) == top
    for top in ("0", "-1", "ten", "1.5", ""):
        response = send(client, f"identify?top={top}", ("image", "me.jpg", one))
        assert_problem(response, 400, "invalid_parameter", f"The parameter top cannot be '{top}'")


def test_a_request_can_choose_a_stricter_fpir(settings, recognizer, client, one):
    usual, strict = (
        send(client, f"identify{query}", ("image", "me.jpg", one)).get_json() for query in ("", "?fpir=0.001")
    )
    assert (usual["fpir"], strict["fpir"]) == (0.01, 0.001)
    assert strict["faces"][0]["threshold"] < usual["faces"][0]["threshold"]
    response = send(client, "identify?fpir=0.05", ("image", "me.jpg", one))
    detail = "The FPIR cannot be 0.05. Choose the rate of FACES_FPIR or a stricter one: 0.01, 0.003, 0.001."
    assert_problem(response, 400, "invalid_parameter", detail)
    strict_server = create_app(settings.with_changes(fpir=0.001), recognizer).test_client()
    response = send(strict_server, "identify?fpir=0.01", ("image", "me.jpg", one))
    assert_problem(response, 400, "invalid_parameter", "The FPIR cannot be 0.01.")


def test_a_photo_without_a_face(post, nobody):
    response = post("identify", ("image", "wall.jpg", nobody))
    assert response.status_code == 200
    size = {"width": 400, "height": 300}
    assert response.get_json() == {"file": "wall.jpg", "error": None, **size, "fpir": 0.01, "faces": []}


def test_several_photos_are_answered_in_order(post, photo, one, nobody):
    files = [
        ("a.jpg", photo(OTHER, PERSON)),
        ("b.jpg", b"no picture"),
        ("c.jpg", nobody),
        ("d.jpg", b""),
        ("a.jpg", one),
    ]
    response = post("identify", *(("image", name, data) for name, data in files))
    assert response.status_code == 200
    rows = response.get_json()["photos"]
    assert [row["file"] for row in rows] == [name for name, _ in files]
    assert [row["error"] and row["error"]["code"] for row in rows] == [None, "unreadable", None, "empty", None]
    assert [[face["person"] for face in row["faces"]] for row in rows] == [[OTHER, PERSON], [], [], [], [PERSON]]


def test_nothing_sent(client, post, one):
    for data in ({}, {"image": ""}):
        response = client.post("/api/v1/identify", data=data or None)
        assert_problem(response, 400, "no_photo", "No photo was sent." if not data else "The field image holds text")
    assert_problem(post("identify", ("photo", "me.jpg", one)), 400, "no_photo", "No photo was sent. Send multipart/")
    assert_problem(post("identify", ("image", "", b"")), 400, "no_photo", "No photo was sent.")
    raw = client.post("/api/v1/identify", data=one, content_type="image/jpeg")
    assert_problem(raw, 415, "unsupported_media_type", "The content type is image/jpeg. Send multipart/form-data or")


def encoded(data: bytes, **fields: str) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode(), **fields}


def test_photos_in_json_are_answered_like_files(client, post, one, nobody):
    answer = client.post("/api/v1/identify", json={"image": [encoded(one, name="me.jpg")]})
    assert answer.text == post("identify", ("image", "me.jpg", one)).text
    rows = client.post("/api/v1/identify", json={"image": [encoded(nobody), encoded(b"text")]}).get_json()["photos"]
    assert [(row["file"], row["error"] and row["error"]["code"]) for row in rows] == [
        ("photo-1", None),
        ("photo-2", "unreadable"),
    ]
    pair = client.post("/api/v1/compare", json={"a": encoded(one), "b": encoded(one)})
    assert pair.text == post("compare", ("a", "one.jpg", one), ("b", "one.jpg", one)).text


@pytest.mark.parametrize(
    ("image", "detail"),
    [
        ([], "The parameter image cannot be []"),
        ([{"name": "me.jpg"}], "The parameter image.0.data is missing."),
        ([{"data": "AAAA", "url": "x"}], "Unknown parameter 'image.0.url'."),
        ([{"data": "AAAA"}, {"data": "AAA"}], "The data of image, photo 2 is not base64."),
        ([{"data": "AA\nAA"}], "The data of image, photo 1 is not base64."),
        ([{"data": "\xe9AAA"}], "The data of image, photo 1 is not base64."),
    ],
)
def test_invalid_photos_in_json(client, image, detail):
    assert_problem(client.post("/api/v1/identify", json={"image": image}), 400, "invalid_parameter", detail)


def test_text_instead_of_a_file(client):
    response = client.post("/api/v1/identify", data={"image": "photo.jpg"})
    assert_problem(response, 400, "no_photo", "The field image holds text instead of a file.")
    assert "-F image=@photo.jpg" in response.get_json()["detail"]


def test_unreadable(post):
    assert_problem(post("identify", ("image", "a.jpg", b"no picture")), 422, "unreadable", UNREADABLE)
    assert_problem(post("identify", ("image", "a.jpg", b"")), 422, "empty", "The file is empty.")
    clip = ("image", "clip.mp4", videos.encode([Image.new("RGB", (64, 48))]))
    assert_problem(post("identify", clip), 422, "video_file", "The file is a video. Send a photo.")


def test_too_many_pixels(settings, recognizer, one):
    small = settings.with_changes(max_pixels=1000)
    client = create_app(small, type(recognizer)(small, recognizer.detector, recognizer.network, recognizer.gallery))
    response = send(client.test_client(), "identify", ("image", "a.jpg", one))
    assert_problem(response, 422, "too_many_pixels", "The photo is 0.63 megapixels. The limit is 0.001.")


def test_limits_of_a_request(settings, recognizer, nobody):
    limited = settings.with_changes(max_photos=2, max_file_bytes=len(nobody))
    client = create_app(limited, recognizer).test_client()
    good, large = ("image", "a.jpg", nobody), ("image", "b.jpg", nobody + b"0")
    response = send(client, "identify", good, good, good)
    assert_problem(response, 413, "too_many_photos", "You sent 3 photos. The limit is 2.")
    assert_problem(send(client, "identify", large), 413, "too_large", "The file is larger than ")
    rows = send(client, "identify", good, large).get_json()["photos"]
    assert [row["error"] and row["error"]["code"] for row in rows] == [None, "too_large"]
    huge = ("image", "a.jpg", bytes(300_000))
    assert_problem(send(client, "identify", huge), 413, "too_large", "The request is too large. The limit is ")
    assert_problem(send(client, "compare", huge), 413, "too_large", "The request is too large. The limit is ")

    json = {"image": [encoded(nobody), encoded(nobody + b"0")]}
    rows = client.post("/api/v1/identify", json=json).get_json()["photos"]
    assert [row["error"] and row["error"]["code"] for row in rows] == [None, "too_large"]
    assert_problem(client.post("/api/v1/identify", json={"image": [encoded(nobody)] * 3}), 413, "too_many_photos", "")
    response = client.post("/api/v1/identify", json={"image": [encoded(bytes(300_000))]})
    assert_problem(response, 413, "too_large", "The request is too large. The limit is ")


def test_file_names_are_returned_and_not_logged(post, nobody, caplog):
    name = "../../etc/pass\u200bwd <b>.jpg"
    with caplog.at_level("DEBUG"):
        answer = post("identify", ("image", name, nobody)).get_json()
    assert answer["file"] == name
    assert "etc" not in caplog.text


def test_answers_are_plain_json_lines(post, nobody):
    text = post("identify", ("image", "Zoë.jpg", nobody)).text
    assert text.isascii()
    assert json.loads(text)["file"] == "Zoë.jpg"
    assert text.endswith("}\n")
