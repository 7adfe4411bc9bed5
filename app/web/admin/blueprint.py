"""Blueprint of the pages for administrators: forbids caching, and shows gallery errors."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, flash, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Redirect

from app.errors import BasisRequired, GalleryError, InvalidRecord, OptedOut, ReviewExpired
from app.gallery.people import LARGEST_ID
from app.gallery.record import FIELDS
from app.web import auth, http_errors
from app.web.progress_stream import prevent_caching

blueprint = Blueprint("admin", __name__, url_prefix="/manage")

_PAGES = frozenset({"admin", "library", "model", "pages", "people"})
"""Blueprints with pages."""
_PAGES_WITH_MESSAGES = frozenset({"admin", "library"})


@blueprint.after_request
def forbid_caching(response: Response) -> Response:
    """Forbid caches to store pages. Face crops have their own rule."""
    return response if response.cache_control.private else prevent_caching(response)


def show_message(sentence: str, address: str | None = None, kind: str = "done") -> Redirect:
    """Go to a page, by default that of the form, with a message of the kind done or problem."""
    flash(sentence, kind)
    return redirect(address or requested_page("return"), 303)


_CORRECTABLE = (BasisRequired, GalleryError, InvalidRecord, OptedOut, ReviewExpired)

# Errors that the administrator can correct are shown on the page of the form.
for _error, _status in http_errors.STATUSES.items():
    if issubclass(_error, _CORRECTABLE) and _status < 500:
        blueprint.register_error_handler(_error, lambda error: show_message(str(error), kind="problem"))


def requested_page(field: str) -> str:
    """Return the address in a field if it is a page of this site, else the page where people start."""
    address = request.values.get(field, "")
    if is_page(address, _PAGES if field == "next" else _PAGES_WITH_MESSAGES):
        return address
    return url_for("admin.history" if auth.may("manage") else "pages.upload")


def is_page(address: str, blueprints: Collection[str] = _PAGES) -> bool:
    """Return whether an address is a page of this site, which links from elsewhere may not be."""
    if not address.startswith("/") or address.startswith("//") or not address.isprintable() or "\\" in address:
        return False
    try:
        endpoint, _ = current_app.url_map.bind("").match(urlsplit(address).path, "GET")
    except HTTPException:
        return False
    return str(endpoint).partition(".")[0] in blueprints


def form_ids(field: str) -> list[int]:
    """Return the valid IDs of a form field, whose values can be lists with commas."""
    texts = ",".join(request.form.getlist(field)).split(",")
    numbers = [int(text) for text in texts if re.fullmatch("[0-9]{1,10}", text)]
    return [number for number in numbers if number <= LARGEST_ID]


def record_fields() -> dict[str, str]:
    """Return the fields of a person's record in the form."""
    return {name: request.form[name] for name in FIELDS if name in request.form}


def entered_record() -> dict[str, str]:
    """Return the fields of the record that have a value. The others of a known person stay."""
    return {name: value for name, value in record_fields().items() if value.strip()}


def form_id(field: str) -> int:
    """Return the ID of a form field, 0 without one."""
    return next(iter(form_ids(field)), 0)
