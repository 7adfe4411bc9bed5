"""Erasure of a person from the gallery and from the library of `FACES_LIBRARY`, for pages and API."""

import logging

from app.errors import LibraryError, LibraryLocked, LibraryUnavailable
from app.library import person_erasure
from app.library.person_erasure import PersonErasure
from app.web.recognizer_loading import current_gallery
from app.web.uploads import current_settings

_LOCKED = "Another run is writing to the library, so nothing was erased. Try again when it has ended."

log = logging.getLogger(__name__)


def erase(person_id: int, sidecars: bool) -> PersonErasure:
    """Erase a person, see `app.library.person_erasure.erase`, or raise `LibraryUnavailable`."""
    settings = current_settings()
    folders = [settings.library] if settings.library else []
    try:
        return person_erasure.erase(current_gallery(), [person_id], folders, settings.database_url, sidecars)
    except LibraryError as error:
        # The message names folders of the server.
        log.error("library_unavailable: %s", error)
        raise LibraryUnavailable(_LOCKED if isinstance(error, LibraryLocked) else None) from error
