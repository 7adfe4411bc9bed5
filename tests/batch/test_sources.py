import pickle

import fsspec
import pytest
from pyarrow.fs import S3FileSystem

from app.batch.sources import PhotoSources, _without_secrets, is_url, shown
from app.errors import BatchError, UnreadableFile
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


@pytest.fixture
def bucket(folder, picture):
    system = fsspec.filesystem("memory")
    system.pipe({f"/bucket/{name}": picture for name in ("2.jpg", "in/1.jpg", "in/.x.jpg", "notes.txt", "50% off.jpg")})
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def found(*roots) -> tuple[list[str], list[str]]:
    complaints = []
    return list(PhotoSources([str(root) for root in roots]).all(complaints.append)), complaints


def test_a_folder_is_walked_in_order_without_hidden_things(folder):
    expected = [str(folder / name) for name in ("a/1.jpg", "a/2.PNG", "a.jpg", "b.jpg")]
    assert found(folder) == (expected, [])


def test_the_same_through_a_url(folder):
    places, _ = found(f"file://{folder}")
    assert places == [f"file://{folder / name}" for name in ("a/1.jpg", "a/2.PNG", "a.jpg", "b.jpg")]
    assert found(f"file://{folder}/b.jpg") == ([f"file://{folder}/b.jpg"], [])


def test_any_file_system_that_fsspec_knows(bucket, picture):
    places, complaints = found(bucket, f"{bucket}/in", f"{bucket}/")
    assert places == [f"{bucket}/2.jpg", f"{bucket}/50% off.jpg", f"{bucket}/in/1.jpg"]
    assert complaints == []
    assert PhotoSources([bucket]).read(f"{bucket}/50% off.jpg", 10_000) == picture


def test_no_picture_is_found_twice(folder, monkeypatch):
    monkeypatch.chdir(folder)
    every = found(".")[0]
    assert every == ["a/1.jpg", "a/2.PNG", "a.jpg", "b.jpg"]
    assert found(".", "a", "b.jpg", folder) == (every, [])
    # What a walk passes by is taken where it is named.
    assert found(".", "notes.txt", ".hidden")[0] == [*every, "notes.txt", ".hidden/x.jpg"]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_what_cannot_be_found(tmp_path, scheme):
    gone, empty = f"{scheme}{tmp_path}/gone.jpg", f"{scheme}{tmp_path}"
    assert found(gone) == ([gone], [])
    assert found(empty) == ([], [f"{empty}: There is no picture in this folder."])
    with pytest.raises(UnreadableFile, match=r"^There is no such file\.$") as caught:
        PhotoSources([gone]).read(gone, 100)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_large_files_are_refused(folder, scheme):
    place = f"{scheme}{folder}/b.jpg"
    with pytest.raises(UnreadableFile) as caught:
        PhotoSources([place]).read(place, 10)
    assert caught.value.code == "too_large"


def test_addresses_that_nothing_opens():
    with pytest.raises(BatchError, match=r"^nobody://x: No installed library opens such addresses"):
        found("nobody://x/y")


def test_a_library_that_cannot_reach_its_file_system_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setenv("ARROW_LIBHDFS_DIR", "/none")
    monkeypatch.setenv("JAVA_HOME", "/none")
    with pytest.raises(BatchError, match=r"^hdfs://me@host: This address cannot be used \("):
        found("hdfs://me@host/x")


def test_what_stands_behind_a_question_mark_goes_to_the_file_system():
    places = PhotoSources(["s3://bucket/2024?region=eu-west-1&endpoint_override=127.0.0.1:9"])
    system, path = places._opened("s3://bucket/2024/a?.jpg")
    assert (system.region, path) == ("eu-west-1", "bucket/2024/a?.jpg")
    # A bucket whose name begins likewise has its own.
    places = PhotoSources(["s3://bucket2?region=eu-west-1", "s3://bucket?region=eu-west-2"])
    assert places._opened("s3://bucket/a.jpg")[0].region == "eu-west-2"
    with pytest.raises(BatchError, match=r"^memory://bucket: Only file systems that PyArrow opens take"):
        found("memory://bucket?region=x")


def test_passwords_go_to_the_file_system_and_nowhere_else():
    places = PhotoSources(["s3://me:secret@bucket/2024?region=eu-west-1", "s3://bucket/2024/"])
    assert places.roots == ("s3://me:secret@bucket/2024?region=eu-west-1",)
    known = S3FileSystem(access_key="me", secret_key="secret", region="eu-west-1")
    assert places._opened("s3://bucket/2024/a.jpg")[0].equals(known)
    assert not PhotoSources(["s3://bucket?region=eu-west-1"])._opened("s3://bucket/2024/a.jpg")[0].equals(known)
    assert _without_secrets(places.roots[0]) == "s3://bucket/2024"
    with pytest.raises(BatchError) as caught:
        found("s3://me:secret@no bucket/x")
    assert "secret" not in str(caught.value)


def test_an_address_with_nothing_behind(bucket):
    assert found(f"{bucket}/none", f"{bucket}/none.jpg") == (
        [f"{bucket}/none.jpg"],
        [f"{bucket}/none: There is nothing at this address."],
    )


def test_it_travels_to_other_processes(bucket, picture):
    places = PhotoSources([bucket])
    assert len(list(places.all())) == 3
    assert pickle.loads(pickle.dumps(places)).read(f"{bucket}/2.jpg", 10_000) == picture


def test_names_that_are_no_text_stay_apart():
    assert shown("a\udcff.jpg") == r"a\xff.jpg"
    assert shown("Zoë.jpg") == "Zoë.jpg"
    assert not is_url("a://")
    assert not is_url("/a/b")
