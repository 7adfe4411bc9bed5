"""What ends the work on an archive."""


class ArchiveError(RuntimeError):
    """The work cannot go on; the message says what is wrong and what to do."""
