"""Erasure of people from the gallery and from libraries: one implementation for command line, pages and API."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app import text
from app.gallery.data_rights import ErasureProof
from app.gallery.people import Person, PersonRef
from app.gallery.raw_scan import Search
from app.gallery.store import Gallery
from app.library import people
from app.library.erasure import LibraryErasure, erase_people
from app.library.metadata.name_removal import NameRemoval, remove_names
from app.library.store import Library

_SHOWN_ERRORS = 10

_NOT_SEARCHED = (
    "The database is not a file of this machine, so its bytes were not searched. On PostgreSQL, VACUUM FULL removes "
    "deleted rows from its files."
)


@dataclass(frozen=True)
class ErasedInLibrary:
    """A library, what was erased from it and, if that was asked for, what was removed from sidecars."""

    folder: Path
    rows: LibraryErasure
    sidecars: NameRemoval | None


@dataclass(frozen=True)
class PersonErasure:
    """Erased people, the proof of the gallery, and of each library.

    `unknown` are names that neither the gallery nor a library had. `notice` is `Gallery.erasing_notice`.
    """

    gallery: ErasureProof
    libraries: tuple[ErasedInLibrary, ...]
    unknown: tuple[str, ...]
    notice: str

    @property
    def people(self) -> tuple[Person, ...]:
        """Who was erased from the gallery."""
        return self.gallery.people

    @property
    def is_complete(self) -> bool:
        """Whether all names were known, the searches found nothing, and all sidecars could be written."""
        searches = [self.gallery.search, *(library.rows.search for library in self.libraries)]
        failed = any(library.sidecars and library.sidecars.errors for library in self.libraries)
        return not (self.unknown or failed or any(search.remains for search in searches))

    def proof(self, show_folders: bool = True) -> list[str]:
        """Return what was searched and erased, as sentences, with or without the folders of libraries."""
        search, sentences = self.gallery.search, []
        if self.people and search.files:
            files, size = ", ".join(search.files), f"{search.size / 1e6:.1f} MB"
            sentences = [f"Searched {files} ({size}) for {_list_searched(search)}.", *_nothing(search)]
        for library in self.libraries:
            rows = library.rows
            erased = f"{text.count(rows.faces, 'face')} and {text.count(rows.tags, 'tag')}"
            place = library.folder if show_folders else "Library"
            sentences += [f"{place}: {erased} in {text.count(rows.photos, 'photo')} erased.", *_nothing(rows.search)]
            if library.sidecars:
                sentences.append(f"{text.count(library.sidecars.changed, 'sidecar')} changed.")
        return sentences

    def problems(self, show_folders: bool = True) -> list[str]:
        """Return what was not found, what remains and what to do, as sentences."""
        sentences = list(self.gallery.erased.missing.values())
        if self.people and not self.gallery.search.files:
            sentences.append(_NOT_SEARCHED)
        sentences += _remains(self.gallery.search)
        if self.notice:
            sentences.append(self.notice)
        for library in self.libraries:
            command = f"whopic library write-metadata {library.folder if show_folders else 'LIBRARY'}"
            sentences += [*_remains(library.rows.search), *_sidecar_problems(library, command, show_folders)]
        return sentences


def erase(
    gallery: Gallery, refs: Sequence[PersonRef], folders: Sequence[Path], gallery_url: str, sidecars: bool = False
) -> PersonErasure:
    """Erase people from the gallery and from libraries, and search their files for remains.

    Args:
        gallery: The gallery.
        refs: Names or IDs, see `DataRights.erase`. With a library, names that the gallery lacks are no error.
        folders: Folders of the libraries.
        gallery_url: Where the gallery is.
        sidecars: Whether to remove the names that this program wrote into the sidecars of the libraries' photos.

    Raises:
        PersonNotFound: The gallery lacks a person. Nothing was erased.
        LibraryError: A library cannot be opened, or another run is writing to it. Nothing was erased.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(Library.open(folder)) for folder in folders]
        for library in opened:
            stack.enter_context(library.lock())
            library.audit = gallery.audit
        found = gallery.rights.find_erasable(refs, skip_missing=bool(opened))
        unknown = tuple(name for name in found.missing if not any(_has_person(library, name) for library in opened))
        erased = []
        # Libraries first: only the gallery knows the names for another try.
        for library in opened:
            rows = erase_people(library, found.names, found.ids, gallery_url)
            removal = remove_names(library, found.names) if sidecars else None
            if removal and removal.changed:
                gallery.audit.record("wrote_metadata", details={"photos": removal.changed})
            erased.append(ErasedInLibrary(library.folder, rows, removal))
        proof = gallery.rights.erase(refs, skip_missing=bool(opened))
    return PersonErasure(proof, tuple(erased), unknown, gallery.erasing_notice)


def _has_person(library: Library, name: str) -> bool:
    with library.reading() as connection:
        return people.is_known(connection, name)


def _sidecar_problems(library: ErasedInLibrary, command: str, show_files: bool) -> list[str]:
    removal = library.sidecars
    if removal is None:
        hint = f"If names were written into the photos, remove them: {command}"
        return [hint] if library.rows.photos else []
    failed = len(removal.errors)
    sentences = list(removal.errors[:_SHOWN_ERRORS]) if show_files else []
    if failed > len(sentences):
        sentences.append(f"{text.count(failed, 'sidecar')} could not be changed. Run: {command}")
    if removal.embedded:
        photos = text.count(removal.embedded, "photo")
        sentences.append(f"{photos} with names inside were not checked. Remove the names: {command} --embed")
    return sentences


def _list_searched(search: Search) -> str:
    return " and ".join(text.count(number, kind) for kind, number in search.searched.items() if number) or "no data"


def _nothing(search: Search) -> list[str]:
    return [] if search.remains else ["Nothing remains."]


def _remains(search: Search) -> list[str]:
    return [f"{text.count(number, 'piece')} of a {kind} remain." for kind, number in search.remains.items()]
