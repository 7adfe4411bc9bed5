import io
import os
import pickle
import tempfile

import pytest
from pyarrow.fs import S3FileSystem

from app.batch import sources as module
from app.batch.job import BatchJob
from app.batch.rows import digest, digest_file
from app.batch.sources import PhotoFile, PhotoSources, _without_secrets, is_url, resolve
from app.errors import BatchError, UnreadableFile
from app.settings import Settings
from app.text import display_path
from tests import photos


@pytest.fixture(scope="session")
def picture() -> bytes:
    return photos.encode(photos.background(40, 30))


@pytest.fixture
def folder(tmp_path, picture):
    for name in ("b.jpg", "a/2.PNG", "a/1.jpg", "a.jpg", ".hidden/x.jpg", "notes.txt", "a/.x.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture)
    return tmp_path


def list_photos(*sources) -> tuple[list[str], list[str]]:
    errors = []
    photos = PhotoSources([str(source) for source in sources]).photos(errors.append)
    return [photo.path for photo in photos], errors


def test_folders_are_sorted_without_hidden_files(folder):
    expected = [str(folder / name) for name in ("a/1.jpg", "a/2.PNG", "a.jpg", "b.jpg")]
    assert list_photos(folder) == (expected, [])


def test_a_url_of_a_folder(folder):
    photo_urls, _ = list_photos(f"file://{folder}")
    assert photo_urls == [f"file://{folder / name}" for name in ("a/1.jpg", "a/2.PNG", "a.jpg", "b.jpg")]
    assert list_photos(f"file://{folder}/b.jpg") == ([f"file://{folder}/b.jpg"], [])


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_raw_files_are_listed_and_rejected_and_other_files_are_counted(folder, scheme):
    (folder / "raw.NEF").write_bytes(b"II*\0")
    sources, skipped = PhotoSources([f"{scheme}{folder}"]), []
    assert f"{scheme}{folder}/raw.NEF" in [photo.path for photo in sources.photos(on_skip=skipped.append)]
    assert [path.name for path in skipped] == ["notes.txt"]
    with pytest.raises(UnreadableFile, match=r"^RAW files are not supported\. Export a JPEG, and use that\.$"):
        sources.read(f"{scheme}{folder}/raw.NEF", 100)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_videos_are_listed_and_opened_as_files_of_this_machine(folder, scheme):
    (folder / "clip.MOV").write_bytes(b"a video")
    sources, path = PhotoSources([f"{scheme}{folder}"]), f"{scheme}{folder}/clip.MOV"
    assert path in [photo.path for photo in sources.photos()]
    with sources.open_video(path, 7) as file:
        assert os.pread(file.fileno(), 100, 0) == b"a video"
    with pytest.raises(
        UnreadableFile, match=r"^The file is too large\. The limit is 6e-06 MB \(FACES_MAX_VIDEO_BYTES\)"
    ):
        sources.open_video(path, 6)
    with pytest.raises(UnreadableFile, match=r"^There is no such file\.$"):
        sources.open_video(f"{scheme}{folder}/gone.mov", 6)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_videos_are_compared_without_a_copy(tmp_path, scheme, monkeypatch):
    (tmp_path / "clip.mov").write_bytes(b"a video")
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    job = BatchJob(Settings(), PhotoSources([f"{scheme}{tmp_path}"]), "")
    assert job.digest(PhotoFile(f"{scheme}{tmp_path}/clip.mov")) == digest(b"a video")
    with pytest.raises(UnreadableFile, match=r"^There is no such file\.$"):
        job.digest(PhotoFile(f"{scheme}{tmp_path}/gone.mov"))


def test_a_video_on_a_damaged_disk_is_unreadable():
    class Damaged(io.BytesIO):
        def read(self, _size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(UnreadableFile, match=r"^The file cannot be read \(.*Input/output error\)\.$"):
        digest_file(Damaged())


def test_videos_can_be_left_out_unless_they_are_named(folder):
    for name in ("clip.mov", "named.mov"):
        (folder / name).touch()
    sources, skipped = PhotoSources([str(folder), str(folder / "named.mov")], videos=False), []
    other = PhotoSources([str(folder / "named.mov"), str(folder / "a")], videos=False)
    assert not [photo.path for photo in sources.photos(on_skip=skipped.append) if photo.path.endswith("clip.mov")]
    assert "clip.mov" in [path.name for path in skipped]
    assert next(photo.path for photo in other.photos()) == str(folder / "named.mov")
    # The library keeps videos that it has.
    assert not sources.contains(str(folder / "clip.mov"))
    assert other.contains(str(folder / "named.mov"))


def test_no_photo_is_listed_twice(folder, monkeypatch):
    monkeypatch.chdir(folder)
    every = list_photos(".")[0]
    assert every == ["a/1.jpg", "a/2.PNG", "a.jpg", "b.jpg"]
    assert list_photos(".", "a", "b.jpg", folder) == (every, [])
    # Named files and folders are included although a walk skips them.
    assert list_photos(".", "notes.txt", ".hidden")[0] == [*every, "notes.txt", ".hidden/x.jpg"]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_photos_have_the_size_and_time_of_their_file(folder, scheme):
    os.utime(folder / "b.jpg", ns=(0, 1_234_567_000))
    photo = list(PhotoSources([f"{scheme}{folder}"]).photos())[-1]
    assert photo[1:] == ((folder / "b.jpg").stat().st_size, 1_234_567_000)
    assert next(PhotoSources([f"{scheme}{folder}/gone.jpg"]).photos()).modified_ns is None


def test_a_source_has_one_path(folder, monkeypatch):
    (folder / "link").symlink_to(folder / "a")
    monkeypatch.chdir(folder)
    assert {resolve(source) for source in ("a", "./a/", "link", str(folder / "a"))} == {str(folder / "a")}
    assert resolve("s3://bucket/a") == "s3://bucket/a"


@pytest.mark.parametrize(
    ("sources", "file", "contained"),
    [
        (["/x"], "/x/a/b.jpg", True),
        (["/"], "/x/b.JPG", True),
        (["/x/"], "/x/.a/b.jpg", False),
        (["/x"], "/xy/b.jpg", False),
        (["/x"], "/x/named.txt", False),
        (["/x/named.txt"], "/x/named.txt", True),
        (["file:///"], "file:///x/b.jpg", True),
        (["s3://me:secret@bucket/x?region=y"], "s3://bucket/x/b.jpg", True),
        (["s3://bucket/x"], "s3://bucket/b.jpg", False),
    ],
)
def test_files_of_a_source(sources, file, contained):
    assert PhotoSources(sources).contains(file) == contained


def test_a_file_that_cannot_be_examined_is_left_out(tmp_path):
    loop = tmp_path / "a.jpg"
    loop.symlink_to(loop)
    sources = PhotoSources([str(tmp_path)])
    assert sources.contains(str(loop))
    assert list(sources.photos()) == []
    assert not sources.contains(str(loop))


def test_many_paths_take_linear_time(monkeypatch):
    folders = []
    monkeypatch.setattr(module, "_folders", lambda location: folders.append(location) or iter([]))
    assert len(PhotoSources([f"/x/{number}.jpg" for number in range(100)]).sources) == 100
    assert len(folders) == 100


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_what_cannot_be_list_photos(tmp_path, scheme):
    gone, empty = f"{scheme}{tmp_path}/gone.jpg", f"{scheme}{tmp_path}"
    assert list_photos(gone) == ([gone], [])
    assert list_photos(empty) == ([], [f"{empty}: The folder has no photos."])
    with pytest.raises(UnreadableFile, match=r"^There is no such file\.$") as caught:
        PhotoSources([gone]).read(gone, 100)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_large_files_are_rejected(folder, scheme):
    photo = f"{scheme}{folder}/b.jpg"
    with pytest.raises(UnreadableFile) as caught:
        PhotoSources([photo]).read(photo, 10)
    assert caught.value.code == "too_large"


def test_unsupported_urls_are_rejected():
    with pytest.raises(BatchError, match=r"^memory://x: Unsupported URL. Use s3, gs, hdfs, abfs or file\.$"):
        list_photos("memory://x/y")


def test_an_unusable_file_system_is_reported(monkeypatch):
    monkeypatch.setenv("ARROW_LIBHDFS_DIR", "/none")
    monkeypatch.setenv("JAVA_HOME", "/none")
    with pytest.raises(BatchError, match=r"^hdfs://me@host: The file system cannot be opened \("):
        list_photos("hdfs://me@host/x")


def test_url_options_configure_the_file_system():
    sources = PhotoSources(["s3://bucket/2024?region=eu-west-1&endpoint_override=127.0.0.1:9"])
    system, path = sources._open("s3://bucket/2024/a?.jpg")
    assert (system.region, path) == ("eu-west-1", "bucket/2024/a?.jpg")
    # The options belong to one bucket.
    sources = PhotoSources(["s3://bucket2?region=eu-west-1", "s3://bucket?region=eu-west-2"])
    assert sources._open("s3://bucket/a.jpg")[0].region == "eu-west-2"


def test_passwords_are_not_part_of_photo_urls():
    sources = PhotoSources(["s3://me:secret@bucket/2024?region=eu-west-1", "s3://bucket/2024/"])
    assert sources.sources == ("s3://me:secret@bucket/2024?region=eu-west-1",)
    known = S3FileSystem(access_key="me", secret_key="secret", region="eu-west-1")
    assert sources._open("s3://bucket/2024/a.jpg")[0].equals(known)
    assert not PhotoSources(["s3://bucket?region=eu-west-1"])._open("s3://bucket/2024/a.jpg")[0].equals(known)
    assert _without_secrets(sources.sources[0]) == "s3://bucket/2024"
    with pytest.raises(BatchError) as caught:
        list_photos("s3://me:secret@no bucket/x")
    assert "secret" not in str(caught.value)


def test_a_missing_folder_of_a_file_system(tmp_path):
    assert list_photos(f"file://{tmp_path}/none", f"file://{tmp_path}/none.jpg") == (
        [f"file://{tmp_path}/none.jpg"],
        [f"file://{tmp_path}/none: No such file or folder."],
    )


def test_sources_can_be_pickled(folder, picture):
    sources = PhotoSources([f"file://{folder}"])
    assert len(list(sources.photos())) == 4
    assert pickle.loads(pickle.dumps(sources)).read(f"file://{folder}/b.jpg", 10_000) == picture


def test_undecodable_names_stay_distinct():
    assert display_path("a\udcff.jpg") == r"a\xff.jpg"
    assert display_path("Zoë.jpg") == "Zoë.jpg"
    assert not is_url("a://")
    assert not is_url("/a/b")
