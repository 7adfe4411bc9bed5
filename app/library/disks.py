"""Tell files that were deleted from files on a disk that is not mounted.

A disk that is not mounted leaves an empty folder. Some systems also delete that folder, so a library keeps the folders
at which disks were mounted.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath

from app.batch.sources import is_url
from app.library.store import Library
from app.text import display_path

_PROPERTY = "mounts"


class MissingDisks:
    """Finds the folders of files that do not exist and may be on a disk that is not mounted.

    `counts` has the number of files that `may_have` found in each such folder.
    """

    def __init__(self, library: Library) -> None:
        self.counts: Counter[str] = Counter()
        self._library = library
        self._mounts = set(map(PurePath, library.read_property(_PROPERTY) or ()))
        self._unmounted = {folder for folder in self._mounts if not os.path.ismount(folder)}
        self._by_folder: dict[PurePath, PurePath | None] = {}

    def may_have(self, file: str) -> bool:
        """Return whether a path or URL, which does not exist, may be on a disk that is not mounted."""
        if is_url(file):
            return False
        folder = PurePath(file).parent
        if folder not in self._by_folder:
            self._by_folder[folder] = self._find(folder)
        # A link whose file is missing was not deleted.
        found = folder if Path(file).is_symlink() else self._by_folder[folder]
        if found:
            self.counts[display_path(found)] += 1
        return found is not None

    def record_mounts(self, files: Iterable[str]) -> None:
        """Store the folders at which the disks with these existing files are mounted."""
        folders: set[PurePath] = set()
        for file in files:
            if not is_url(file):
                for folder in PurePath(file).parents:
                    if folder in folders:
                        break
                    folders.add(folder)
        mounts = {folder for folder in folders if folder.parent != folder and os.path.ismount(folder)}
        mounts |= {folder for folder in self._mounts if folder not in folders or self.counts[display_path(folder)]}
        self._library.write_property(_PROPERTY, sorted(map(str, mounts)))

    def _find(self, folder: PurePath) -> PurePath | None:
        parents = (folder, *folder.parents)
        if unmounted := next((parent for parent in parents if parent in self._unmounted), None):
            return unmounted
        existing = next(Path(parent) for parent in parents if Path(parent).is_dir())
        return None if any(existing.iterdir()) else existing
