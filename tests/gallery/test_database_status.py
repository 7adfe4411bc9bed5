import re

from app.gallery.database_status import BACKED_UP
from app.gallery.tables import now


def test_system_version_size_and_last_backup(tiny_gallery, database_url, tmp_path):
    status = tiny_gallery.database_status()
    sqlite = database_url.startswith("sqlite")
    assert re.match(r"SQLite 3\.\d+" if sqlite else r"PostgreSQL \d+\.\d+", status.system)
    assert status.folder == (tmp_path / "instance" if sqlite else None)
    assert re.fullmatch(r"\d{4}", status.tables)
    assert status.size > 50_000
    assert status.backed_up is None
    for _ in range(2):
        tiny_gallery.audit.record(BACKED_UP)
    tiny_gallery.audit.record("exported_gallery")
    assert 0 <= (now() - tiny_gallery.last_backup()).total_seconds() < 60
