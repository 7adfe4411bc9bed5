from threading import Event

from app.batch import embedder
from app.batch.embedder import BatchEmbedder
from app.batch.sources import PhotoFile
from app.errors import UnreadableImage


def test_photos_do_not_wait_for_a_long_video(job, recognizer, archive, tmp_path, monkeypatch):
    finished = Event()

    def track_faces(_recognizer, _file):
        assert finished.wait(30)
        raise UnreadableImage("unreadable", "No video.")

    monkeypatch.setattr(embedder, "track_faces", track_faces)
    (tmp_path / "long.mp4").touch()
    files = [PhotoFile(str(path)) for path in (archive / "00.jpg", tmp_path / "long.mp4")]
    rows = BatchEmbedder(job, recognizer).embed(files)
    assert [row.file for row in next(rows)] == files[:1]
    finished.set()
    assert [row.file for row in next(rows)] == files[1:]
