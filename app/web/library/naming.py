"""Naming of all faces of the library by the gallery of now, with progress."""

import queue
import threading
from collections import Counter
from collections.abc import Generator
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as Redirect

from app.errors import FacesError
from app.library.naming import NamingReport, Renaming, name_faces
from app.library.store import Library
from app.recognition.recognizer import Recognizer
from app.web.library.blueprint import blueprint, current_library, unavailable_page
from app.web.progress_stream import Step, Steps, respond
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import current_settings

MAX_CHANGES = 50
"""Changes of names on the page, those of most faces."""

_STEP_SECONDS = 0.5


@dataclass(frozen=True)
class NameChange:
    """A number of faces whose name changed: the names before and after, None without one."""

    before: str | None
    after: str | None
    faces: int


@blueprint.get("/naming")
def naming_ended() -> Redirect:
    """Show the people after a reload of the page with the changes."""
    return redirect(url_for("library.index"), 303)


@blueprint.post("/naming")
def name_all() -> ResponseReturnValue:
    """Name all faces again, and show what changed."""
    library = current_library()
    with library.lock():
        # Another run is an error before the answer begins.
        pass
    return respond(_name(cast(Path, current_settings().library), current_recognizer()))


class NamingThread(threading.Thread):
    """Names the faces with a connection of its own; also if the client leaves."""

    def __init__(self, folder: Path, recognizer: Recognizer) -> None:
        super().__init__(name="library_naming")
        self._folder, self._recognizer = folder, recognizer
        # The request's actor, for the audit log.
        self._request_context = copy_context()
        self.progress: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.changes: Counter[tuple[int | None, int | None]] = Counter()
        self.report = NamingReport()
        self.error: Exception | None = None

    def run(self) -> None:
        """Name the faces, and set `report` or `error`."""
        self._request_context.run(self._name_faces)

    def _name_faces(self) -> None:
        gallery, settings = self._recognizer.gallery, self._recognizer.settings
        try:
            with Library.open(self._folder) as library, library.lock():
                library.audit = gallery.audit
                everyone, snapshot = gallery.people(), gallery.snapshot()
                rules = self._recognizer.rules(snapshot)
                card = self._recognizer.network.card
                url = settings.database_url
                self.report = name_faces(library, everyone, snapshot, card, rules, url, self._count, self.progress.put)
        except Exception as error:
            self.error = error

    def _count(self, change: Renaming) -> None:
        self.changes[change.before, change.after] += 1


def run_naming(folder: Path, recognizer: Recognizer) -> Generator[Step, None, NamingThread]:
    """Name all faces in a thread, yield its progress, and return it. Raise its error."""
    thread = NamingThread(folder, recognizer)
    thread.start()
    judged = 0
    yield Step("Comparing the faces with the gallery…")
    while thread.is_alive():
        thread.join(_STEP_SECONDS)
        before = judged
        while not thread.progress.empty():
            judged += thread.progress.get()
        if judged > before:
            yield Step(f"{judged:,} faces compared…")
    if thread.error:
        raise thread.error
    return thread


def _name(folder: Path, recognizer: Recognizer) -> Steps:
    try:
        thread = yield from run_naming(folder, recognizer)
    except FacesError as error:
        return unavailable_page(error)
    with current_library().reading() as connection:
        names = dict(connection.execute("SELECT id, name FROM person").fetchall())
    changes = [
        NameChange(names.get(before), names.get(after), faces)
        for (before, after), faces in thread.changes.most_common(MAX_CHANGES)
    ]
    ids = {name: person_id for person_id, name in names.items()}
    page = render_template("library/naming.html", report=thread.report, changes=changes, ids=ids)
    return page, 200
