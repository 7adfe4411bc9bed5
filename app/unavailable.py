"""Why a request that is all right cannot be answered now. Each error's message is a sentence for a visitor."""


class NotReady(RuntimeError):
    """The recognizer is still being loaded, or could not be. `code` is stable and for programs."""

    code = "not_ready"


class Busy(NotReady):
    """More requests came than the machine can work on and the queue can hold."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__("There are too many requests just now. Please try again in a few seconds.")


class TooLate(NotReady):
    """The request took longer than any may, and was given up."""

    code = "too_late"

    def __init__(self) -> None:
        super().__init__("The request took too long and was given up. Please try again in a few seconds.")


class GalleryAway(NotReady):
    """The gallery's database does not answer, or cannot be used any more; the reason is for the operator's log."""

    def __init__(self) -> None:
        super().__init__("The gallery cannot be reached just now. Please try again in a few seconds.")
