"""Exceptions, in one tree under `FacesError`.

Each message says what happened, the limit or rule, and what to do. Each `code` is stable, for programs.
`app.web.http_errors` maps classes to HTTP statuses.
"""


class FacesError(Exception):
    """Base of every error that a user or an operator can cause and correct."""

    code = "error"
    default_message = ""

    def __init_subclass__(cls, code: str | None = None, message: str | None = None) -> None:
        cls.code = code or cls.code
        cls.default_message = message or cls.default_message

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.default_message)


class SettingsError(FacesError, code="invalid_setting"):
    """A setting has an invalid value, or its name is unknown."""


class ModelError(FacesError, code="model_unusable"):
    """The model card or the weights are missing or invalid."""


class DetectorError(FacesError, code="detector_unusable"):
    """The detector's library or weights are missing."""


class TrainingError(FacesError, code="training_failed"):
    """Data, checkpoint or options of a training run or an evaluation are invalid."""


class BatchError(FacesError, code="batch_failed"):
    """A batch job cannot continue."""


class LibraryError(FacesError, code="library_failed"):
    """A library cannot be opened, read or changed."""

    def __init__(self, message: str, command: str = "", page: str = "") -> None:
        """Say in `message` what happened, and what to do: in `command` for the command line, in `page` for pages."""
        super().__init__(f"{message} {command}".rstrip())
        self.page_message = f"{message} {page}".rstrip()


class LibraryLocked(LibraryError):
    """Another run is indexing, naming or grouping."""


class PhotoError(FacesError):
    """A photo cannot be used, for the reason that `code` names."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnreadableImage(PhotoError):
    """The decoder rejects a file.

    Codes: `empty`, `unreadable`, `raw_file`, `video_file`, `too_many_pixels`, `too_complex`, and `too_long` for videos.
    """


class UnreadableFile(PhotoError):
    """A file is missing, unreadable or too large."""


class FileTooLarge(PhotoError):
    """A file has more bytes than the limit for one photo."""

    def __init__(self, message: str) -> None:
        super().__init__("too_large", message)


class FaceError(FacesError):
    """The faces of a photo cannot be compared or enrolled."""


class NoFaceFound(FaceError, code="no_face_found"):
    """The photo has no face."""


class LowQuality(FaceError, code="low_quality"):
    """The chosen face, or every face of the photo, is too small, too blurred or without visible eyes."""


class SeveralFaces(FaceError, code="several_faces"):
    """The photo has several faces where exactly one is required."""


class NoSuchFace(FaceError, code="no_such_face"):
    """The photo has fewer faces than the chosen index."""


class InvalidRequest(FacesError, code="bad_request"):
    """The body of an API request is not what the route expects."""


class InvalidParameter(InvalidRequest, code="invalid_parameter"):
    """A parameter is missing, unknown or has an invalid value."""


class InvalidRecord(FacesError, code="invalid_record"):
    """A field of a person's record is invalid."""


class BasisRequired(FacesError, code="basis_required"):
    """A person has no legal basis, and `FACES_REQUIRE_BASIS` requires one."""


class OptedOut(FacesError, code="opted_out"):
    """A person is on the opt-out list and cannot be enrolled."""


class AuthenticationRequired(FacesError, code="unauthorized"):
    """A request has no access key, or an unknown one."""


class KeyExpired(AuthenticationRequired, code="key_expired"):
    """The access key has expired."""


class KeyRevoked(AuthenticationRequired, code="key_revoked"):
    """The access key was revoked."""


class AccountRequired(AuthenticationRequired, code="account_required"):
    """The server takes accounts from its proxy, which named none."""


class AccountRefused(AuthenticationRequired):
    """A header names a user, and the server does not accept it."""


class UntrustedProxy(AccountRefused, code="untrusted_proxy"):
    """The request comes from another address than the proxy's."""


class MalformedAccount(AccountRefused, code="malformed_account"):
    """The header is repeated, too long, or has control characters."""


class AdminDisabled(FacesError, code="admin_disabled"):
    """The server has neither an administrator token nor a key or group for administrators."""


class InsufficientScope(FacesError, code="insufficient_scope"):
    """The key or the account is valid, but does not allow the request."""


class InvalidUpload(FacesError, code="no_photo"):
    """A form has no photo, and one is required."""


class TooManyPhotos(InvalidUpload, code="too_many_photos"):
    """A form has more photos than the limit."""


class UploadTooLarge(InvalidUpload, code="too_large"):
    """A request has more bytes, or more form fields, than the limit."""


class InvalidFaceChoice(FacesError, code="invalid_face_choice"):
    """A face was chosen in a photo that was not sent, or that is ambiguous."""


class InvalidImportReport(FacesError, code="invalid_report"):
    """The file for the report of an import has other content."""


class ReviewExpired(FacesError, code="review_expired"):
    """Reviewed photos are too old, or belong to another network or server."""


class ServiceUnavailable(FacesError, code="not_ready"):
    """The server cannot answer a valid request now. The client may try again."""


class ServerBusy(ServiceUnavailable, code="busy", message="The server is busy. Try again in a few seconds."):
    """The concurrency limit is reached and the queue is full."""


class DeadlineExceeded(
    ServiceUnavailable, code="deadline_exceeded", message="The request took too long. Try again in a few seconds."
):
    """The request took longer than the limit."""


class GalleryUnavailable(
    ServiceUnavailable, code="gallery_unavailable", message="The gallery is unavailable. Try again in a few seconds."
):
    """The gallery's database does not answer. The log has the reason."""


class LibraryUnavailable(
    ServiceUnavailable,
    code="library_unavailable",
    message="The library cannot be changed, so the person was not erased. The log of the server has the reason.",
):
    """The library of `FACES_LIBRARY` cannot be changed now."""


class GalleryError(FacesError, code="gallery_error"):
    """The gallery cannot be opened, read or changed."""


class GalleryMoved(
    GalleryError,
    code="gallery_moved",
    message="The file of the gallery was deleted or replaced while the program runs. Nothing was saved. Put the file "
    "back, or restore a backup and restart the program.",
):
    """The SQLite file in use is no longer at its location."""


class PersonNotFound(GalleryError, code="not_found"):
    """The gallery has no person of this name or number."""


class NameTaken(GalleryError, code="name_taken"):
    """Another person of the gallery has this name."""


class InvalidName(GalleryError, code="invalid_name"):
    """The text cannot be a person's name."""


class InvalidEmbeddings(GalleryError, code="invalid_embeddings"):
    """The array cannot be a person's anchors."""


class NothingToUndo(GalleryError, code="nothing_to_undo"):
    """The change history holds no change to undo."""


class NotLatestChange(GalleryError, code="not_latest_change"):
    """The change to undo is no longer the latest."""


class FaceNotFound(GalleryError, code="not_found"):
    """The gallery has no anchor, or no rejected face, of this number."""


class AliasNotFound(GalleryError, code="not_found"):
    """The person has no such alias."""


class KeyNotFound(GalleryError, code="not_found"):
    """No access key has this name."""


class InvalidKey(GalleryError, code="invalid_key"):
    """An access key cannot be made with these scopes or this lifetime."""


class SamePerson(GalleryError, code="same_person"):
    """Two entries are one person: they cannot be merged, or one of them was merged into the other."""


class MigrationRequired(GalleryError, code="unmigrated"):
    """The tables belong to an older version of the program."""
