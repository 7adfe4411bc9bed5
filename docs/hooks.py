"""MkDocs hooks: add files from outside docs/ to the site, and refuse pages that load something from other hosts.

Links in the documents are those of the repository, such as `../../models/report/report.md`, so that they work in both.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

ADDED = {
    "static/logo.svg": "assets/logo.svg",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    **{
        f"models/report/{path.name}": f"explanation/report/{path.name}"
        for path in (ROOT / "models" / "report").iterdir()
        if path.suffix in {".md", ".svg"}
    },
}
"""Place in the repository -> place in the site."""

FOREIGN = re.compile(
    r"""<(?:audio|embed|iframe|img|script|source|video)\b[^>]*\ssrc="(?:https?:)?//|"""
    r"""<link\b(?![^>]*\brel="canonical")[^>]*\shref="(?:https?:)?//|"""
    r"""url\(["']?(?:https?:)?//|@import ["'](?:https?:)?//"""
)
"""Part of a page that makes a browser contact another host."""

_log = get_plugin_logger("hooks")

_SOURCES = {site: repository for repository, site in ADDED.items()}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of `ADDED`."""
    for repository, site in ADDED.items():
        files.append(File.generated(config, site, abs_src_path=str(ROOT / repository)))
    return files


def on_page_markdown(markdown: str, page: Page, **_arguments: object) -> str:
    """Turn links between the repository's places into links between the site's places."""
    site = page.file.src_uri
    source = _SOURCES.get(site, f"docs/{site}")

    def replace(match: re.Match[str]) -> str:
        path, anchor = match[1], match[2] or ""
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        place = ADDED.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        if place is None:
            return match[0]
        return f"]({posixpath.relpath(place, posixpath.dirname(site) or '.')}{anchor})"

    return re.sub(r"\]\(([^):#\s]+)(#[^)\s]*)?\)", replace, markdown)


def on_page_content(html: str, **_arguments: object) -> str:
    """Leave the default empty of an option without one: mkdocs-click 0.9 shows click's internal value."""
    return html.replace("<code>Sentinel.UNSET</code>", "")


def on_post_page(output: str, page: Page, **_arguments: object) -> str:
    """Warn of a page that loads something from another host: readers did not ask to contact it."""
    if match := FOREIGN.search(output):
        _log.warning("%s loads something from another host: %s", page.file.src_uri, match[0])
    return output
