"""The page's own files: few, small, and nobody else's."""

import re

from app.settings import ROOT

STATIC = ROOT / "static"

BUDGET = 60_000
"""Bytes of all style sheets and scripts of the pages, before portraits and the API's documentation."""

LIBRARY_BUDGET = 20_000
"""The same for the pages of a library."""


def own_files() -> dict[str, bytes]:
    """Style sheets, scripts and pictures of the pages, without those of the API's documentation."""
    return {file.name: file.read_bytes() for file in sorted(STATIC.iterdir()) if not file.name.startswith("api_docs.")}


def test_style_sheets_and_scripts_stay_small():
    sizes = {name: len(data) for name, data in own_files().items()}
    assert {"site.css", "upload.js", "library.css"} < set(sizes)
    library = [size for name, size in sizes.items() if name.startswith("library")]
    assert sum(sizes.values()) - sum(library) < BUDGET, sizes
    assert sum(library) < LIBRARY_BUDGET, sizes


def test_pages_load_nothing_from_other_hosts():
    for name, data in own_files().items():
        addresses = re.findall(rb"https?://[^\s\"')]+", data)
        assert set(addresses) <= {b"http://www.w3.org/2000/svg"}, name
        assert b"@import" not in data
