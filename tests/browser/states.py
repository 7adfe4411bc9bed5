"""Every page and state of the site, for screenshots and for tests of accessibility."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import requests
from PIL import Image, ImageFilter
from playwright.sync_api import Page

from tests import photos
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON

SECONDS = 120_000
"""Milliseconds that a state may take, on a busy machine."""

STEPS = 8
"""Steps of the search for an ambiguous face between two people."""

Files = dict[str, Path]

ADDRESSES = {
    "upload": "/",
    "expired-results": "/identify",
    "comparison-form": "/compare",
    "people": "/people",
    "no-such-person": "/people?q=zzzz",
    "person": "/people/7",
    "model": "/model",
    "api": "/api/docs",
    "privacy": "/privacy",
    "not-found": "/nowhere",
    "sign-in": "/sign-in",
}
"""Pages that need no more than their address."""

ADMIN_ADDRESSES = {
    "manage": "/manage",
    "add-person": "/manage/add",
    "edit-person": "/manage/people/7",
    "rejected-faces": "/manage/rejected",
    "gallery-check": "/manage/check",
    "server-health": "/manage/health",
    "opt-outs": "/manage/opt-outs?name=Ann",
    "library": "/library",
    "library-photo": "/library/photos/3",
    "library-photos": "/library/photos",
    "library-unknown": "/library/photos?unknown=1",
    "library-unreadable": "/library/unreadable",
    "library-groups": "/library/groups",
    "library-group": "/library/groups/1",
    "library-review": "/library/review?kind=names",
    "library-changes": "/library/changes",
}
"""The same for administrators."""

IDENTIFIED = {
    "one-photo": ["one"],
    "two-faces": ["two"],
    "several-photos": ["one", "unknown", "no-face"],
    "crowd": ["crowd"],
    "unknown": ["unknown"],
    "ambiguous": ["ambiguous"],
    "low-quality": ["low-quality"],
}
"""Photos that are identified."""


def write_photos(folder: Path, address: str) -> Files:
    """Write the photos of all states to a folder, with the help of the server for an ambiguous one."""
    faces = [photos.portraits()[name].resize((224, 224)) for name in (PERSON, OTHER)]
    pictures = {
        "one": photos.paste(faces[0]),
        "two": photos.paste(*faces, size=(1100, 700), side=340),
        "crowd": photos.crowd(5, 1400),
        "unknown": photos.paste(photos.impostor()),
        "low-quality": photos.paste(faces[0].filter(ImageFilter.GaussianBlur(10))),
        "no-face": photos.background(640, 480),
    }
    files = {name: _write(folder, name, picture) for name, picture in pictures.items()}
    files["ambiguous"] = _write_ambiguous(folder, address)
    files["unreadable"] = folder / "unreadable.jpg"
    files["unreadable"].write_bytes(b"not a picture")
    return files


def _write(folder: Path, name: str, picture: Image.Image) -> Path:
    file = folder / f"{name}.jpg"
    file.write_bytes(photos.encode(picture))
    return file


def _write_ambiguous(folder: Path, address: str) -> Path:
    """Write a photo of a face between two similar people, whose verdict is ambiguous."""
    faces = {name: face.resize((224, 224)) for name, face in photos.portraits().items()}
    for name, face in faces.items():
        found = requests.get(f"{address}/api/v1/people", params={"q": name}, timeout=60).json()["people"]
        if not found:
            continue
        person = requests.get(f"{address}/api/v1/people/{found[0]['id']}", timeout=60).json()
        low, high, other = 0.0, 1.0, person["look_alikes"][0]["person"]
        for _ in range(STEPS):
            share = (low + high) / 2
            file = _write(folder, "ambiguous", photos.paste(Image.blend(face, faces[other], share)))
            with file.open("rb") as stream:
                answer = requests.post(f"{address}/api/v1/identify", files={"image": stream}, timeout=60).json()
            verdicts = [one["verdict"] for one in answer["faces"]]
            if verdicts == ["ambiguous"]:
                return file
            if verdicts != ["match"]:
                break
            low, high = (share, high) if answer["faces"][0]["person"] == name else (low, share)
    raise LookupError("No face between two people is ambiguous.")


def sign_in(page: Page) -> None:
    """Sign in as the administrator."""
    page.goto("/manage")
    page.get_by_label("Key", exact=True).fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Gallery management").wait_for()


def identify(page: Page, *files: Path) -> None:
    """Send photos on the upload page and wait for the results."""
    page.goto("/")
    page.locator("#image").set_input_files(files)
    page.locator(".cards").wait_for(timeout=SECONDS)


def _details(page: Page, files: Files) -> None:
    identify(page, files["two"])
    page.get_by_text("Details", exact=True).first.click()
    page.locator("#details").wait_for(timeout=SECONDS)


def _enlarged_face(page: Page, files: Files) -> None:
    identify(page, files["two"])
    page.locator("#box-1-1").click()
    page.get_by_role("dialog").wait_for()


def _problem(name: str) -> Callable[[Page, Files], None]:
    def show(page: Page, files: Files) -> None:
        page.goto("/")
        page.locator("#image").set_input_files(files[name])
        page.locator("#problem:not(:empty)").wait_for(timeout=SECONDS)

    return show


def _offline(page: Page, files: Files) -> None:
    page.goto("/")
    page.route("**/identify", lambda route: route.abort())
    page.locator("#image").set_input_files(files["one"])
    page.locator("#problem:not(:empty)").wait_for(timeout=SECONDS)


def _waiting(page: Page, files: Files) -> None:
    page.goto("/")
    page.route("**/identify", lambda route: None)
    page.locator("#image").set_input_files([files["one"], files["two"]])
    page.locator(".waiting").first.wait_for()


def _back(page: Page, files: Files) -> None:
    identify(page, files["two"])
    page.goto("/people")
    page.go_back()
    page.locator(".cards").wait_for()


def _reload(page: Page, files: Files) -> None:
    identify(page, files["two"])
    page.reload()
    page.locator(".cards").wait_for()


def _sample(page: Page, _files: Files) -> None:
    page.goto("/")
    page.get_by_role("button", name="Three people").click()
    page.locator(".cards").wait_for(timeout=SECONDS)


def _correction(page: Page, files: Files) -> None:
    sign_in(page)
    identify(page, files["unknown"])
    page.locator(".correction summary").first.click()


def _review(page: Page, files: Files) -> None:
    sign_in(page)
    page.goto("/manage/add")
    page.get_by_label("Name").fill("Bo Berg")
    page.locator("#photos").set_input_files([files["one"], files["two"], files["no-face"]])
    page.locator(".reviewed-photo").first.wait_for(timeout=SECONDS)


def _library_person(page: Page, _files: Files) -> None:
    sign_in(page)
    page.goto("/library")
    page.get_by_role("link", name=PERSON).click()
    page.locator(".pick-face").first.click()
    page.get_by_text("Someone else").click()
    page.get_by_label("Name (new or known)").fill("camil")
    page.locator(".choices button").first.wait_for()


def _library_search(page: Page, files: Files) -> None:
    sign_in(page)
    page.goto("/library/photos")
    page.get_by_text("Search by photo").click()
    page.get_by_label("Photo with the face").set_input_files(files["one"])
    page.get_by_role("button", name="Search faces").click()
    page.get_by_role("heading", name="similar face").wait_for(timeout=SECONDS)


def _library_group_review(page: Page, _files: Files) -> None:
    sign_in(page)
    page.goto("/library/groups/1")
    page.get_by_label("Name (new or known)").fill("Quxw Zzyzx")
    page.get_by_role("button", name="Name group").click()
    page.get_by_role("heading", name="Reviewed faces").wait_for(timeout=SECONDS)


def _library_drawing(page: Page, _files: Files) -> None:
    sign_in(page)
    page.goto("/library/photos/3")
    page.get_by_text("Add a missed face").click()
    for side, value in (("Left", 100), ("Top", 120), ("Width", 90), ("Height", 110)):
        page.get_by_label(side).fill(str(value))


def _comparison(page: Page, files: Files) -> None:
    page.goto("/compare")
    page.locator("#a").set_input_files(files["one"])
    page.locator("#b").set_input_files(files["two"])
    page.locator(".dropbox.chosen >> nth=1").wait_for()
    page.get_by_role("button", name="Compare faces").click()
    page.locator(".compared").wait_for(timeout=SECONDS)


def _open(address: str, admin: bool = False) -> Callable[[Page, Files], None]:
    def show(page: Page, _files: Files) -> None:
        if admin:
            sign_in(page)
        page.goto(address, wait_until="networkidle")

    return show


def _identified(names: list[str]) -> Callable[[Page, Files], None]:
    return lambda page, files: identify(page, *(files[name] for name in names))


STATES: dict[str, Callable[[Page, Files], None]] = {
    **{name: _open(address) for name, address in ADDRESSES.items()},
    **{name: _identified(names) for name, names in IDENTIFIED.items()},
    "details": _details,
    "enlarged-face": _enlarged_face,
    "no-face": _problem("no-face"),
    "failure": _problem("unreadable"),
    "offline": _offline,
    "waiting": _waiting,
    "back": _back,
    "reload": _reload,
    "sample": _sample,
    "comparison": _comparison,
    "correction": _correction,
    "review": _review,
    "library-person": _library_person,
    "library-drawing": _library_drawing,
    "library-search": _library_search,
    "library-group-review": _library_group_review,
    **{name: _open(address, admin=True) for name, address in ADMIN_ADDRESSES.items()},
}
"""What brings a fresh page to each state."""
