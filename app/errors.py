"""Exceptions, in one tree under `FacesError`.

Each message says what happened, the limit or rule, and what to do. Each `code` is stable, for programs.
`app.web.http_errors` maps classes to HTTP statuses.
"""


class FacesError(Exception):
    """Base of every error that a user or an operator can cause and correct."""

    code = "error"


class SettingsError(FacesError):
    """A setting has an invalid value, or its name is unknown."""

    code = "invalid_setting"


class ModelError(FacesError):
    """The model card or the weights are missing or invalid."""

    code = "model_unusable"


class DetectorError(FacesError):
    """The detector's library or weights are missing."""

    code = "detector_unusable"


class TrainingError(FacesError):
    """Data, checkpoint or options of a training run or an evaluation are invalid."""

    code = "training_failed"


class BatchError(FacesError):
    """A batch job cannot continue."""

    code = "batch_failed"


class PhotoError(FacesError):
    """A photo cannot be used.

    Args:
        code: Stable code for programs, such as `unreadable`.
        message: Sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnreadableImage(PhotoError):
    """The decoder rejects a file: `empty`, `unreadable`, `too_many_pixels` or `too_complex`."""


class UnreadableFile(PhotoError):
    """A file is missing, unreadable or too large."""


class FaceError(FacesError):
    """The faces of a photo cannot be compared or enrolled."""


class NoFaceFound(FaceError):
    """The photo has no face."""

    code = "no_face_found"


class LowQuality(FaceError):
    """The chosen face, or every face of the photo, is too small, too blurred or without visible eyes."""

    code = "low_quality"


class SeveralFaces(FaceError):
    """The photo has several faces where exactly one is required."""

    code = "several_faces"


class NoSuchFace(FaceError):
    """The photo has fewer faces than the chosen index."""

    code = "no_such_face"


class FileTooLarge(PhotoError):
    """A file has more bytes than the limit for one photo."""

    def __init__(self, message: str) -> None:
        super().__init__("too_large", message)


class InvalidRequest(FacesError):
    """The body of an API request is not what the route expects."""

    code = "bad_request"


class InvalidParameter(InvalidRequest):
    """A parameter is missing, unknown or has an invalid value."""

    code = "invalid_parameter"


class AuthenticationRequired(FacesError):
    """An API request has no token, or a wrong one."""

    code = "unauthorized"


class AdminDisabled(FacesError):
    """The server has no administrator token."""

    code = "admin_disabled"


class InvalidUpload(FacesError):
    """A form has no photo, and one is required."""

    code = "no_photo"


class TooManyPhotos(InvalidUpload):
    """A form has more photos than the limit."""

    code = "too_many_photos"


class UploadTooLarge(InvalidUpload):
    """A request has more bytes, or more form fields, than the limit."""

    code = "too_large"


class InvalidFaceChoice(FacesError):
    """A face was chosen in a photo that was not sent, or that is ambiguous."""

    code = "invalid_face_choice"


class InvalidImportReport(FacesError):
    """The file for the report of an import has other content."""

    code = "invalid_report"


class ReviewExpired(FacesError):
    """Reviewed photos are too old, or belong to another network or server."""

    code = "review_expired"


class ServiceUnavailable(FacesError):
    """The server cannot answer a valid request now. The client may try again."""

    code = "not_ready"


class ServerBusy(ServiceUnavailable):
    """The concurrency limit is reached and the queue is full."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__("The server is busy. Try again in a few seconds.")


class DeadlineExceeded(ServiceUnavailable):
    """The request took longer than the limit."""

    code = "deadline_exceeded"

    def __init__(self) -> None:
        super().__init__("The request took too long. Try again in a few seconds.")


class GalleryUnavailable(ServiceUnavailable):
    """The gallery's database does not answer. The log has the reason."""

    code = "gallery_unavailable"

    def __init__(self) -> None:
        super().__init__("The gallery is unavailable. Try again in a few seconds.")


class GalleryError(FacesError):
    """The gallery cannot be opened, read or changed."""

    code = "gallery_error"


class PersonNotFound(GalleryError):
    """The gallery has no person of this name or number."""

    code = "not_found"


class NameTaken(GalleryError):
    """Another person of the gallery has this name."""

    code = "name_taken"


class InvalidName(GalleryError):
    """The text cannot be a person's name."""

    code = "invalid_name"


class InvalidEmbeddings(GalleryError):
    """The array cannot be a person's anchors."""

    code = "invalid_embeddings"


class NothingToUndo(GalleryError):
    """The change history holds no change to undo."""

    code = "nothing_to_undo"


class NotLatestChange(GalleryError):
    """The change to undo is no longer the latest."""

    code = "not_latest_change"


class FaceNotFound(GalleryError):
    """The gallery has no anchor, or no rejected face, of this number."""

    code = "not_found"


class SamePerson(GalleryError):
    """A person cannot be merged into themselves."""

    code = "same_person"


class MigrationRequired(GalleryError):
    """The tables belong to an older version of the program."""

    code = "unmigrated"
