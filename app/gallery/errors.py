"""What can go wrong in the gallery, as one tree."""


class GalleryError(RuntimeError):
    """The gallery cannot do what was asked; the message says what, where, and what to do."""


class UnknownPerson(GalleryError):
    """Nobody in the gallery has this name."""


class NameTaken(GalleryError):
    """Another person in the gallery has this name."""


class BadName(GalleryError):
    """No person can have this as a name."""


class BadEmbeddings(GalleryError):
    """No such numbers can be a person's anchors."""


class NothingToUndo(GalleryError):
    """No change is left that could be undone."""


class NotNewest(GalleryError):
    """The change that was to be undone is not the newest one any more."""


class UnknownFace(GalleryError):
    """There is no such anchor, or no such rejected face."""


class SamePerson(GalleryError):
    """Nobody can be merged into themselves."""


class Unmigrated(GalleryError):
    """The tables are of an older version of the program, and have to be brought to this one by command."""
