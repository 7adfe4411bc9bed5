"""Every hostile file, to page and API of a real server: `.venv/bin/python -m bench.hostile [FOLDER]`.

FOLDER holds files of any kind; files that are made here come besides. Every answer has to be 200 or 4xx.
"""

from __future__ import annotations

import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

from PIL import Image

from app.settings import ROOT
from bench.client import API, PAGE, ready, send
from bench.observed import Peak, holding
from tests import photos
from tests.test_decoder import generated, scans


def files(folder: Path) -> dict[str, bytes]:
    """What is sent, by name."""
    found = {f"generated: {name}": data for name, (data, _) in generated().items()}
    found["generated: 20,000 scans"] = scans(20_000)
    found["generated: the most scans allowed"] = scans(190)
    found["generated: a PNG of 900 megapixels"] = _huge_png(30_000)
    found["generated: a PNG of 39 megapixels"] = photos.encode(Image.new("RGBA", (6240, 6240), (1, 2, 3, 4)), "PNG")
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and path.suffix != ".csv":
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def _huge_png(side: int) -> bytes:
    """A PNG of side x side black pixels of one bit: about 100 kB."""
    small = photos.encode(Image.new("1", (8, 8)), "PNG")
    header = small[16:33]
    size = side.to_bytes(4, "big") * 2 + header[8:13]
    chunk = b"IHDR" + size
    rows = zlib.compress(bytes(side * (side // 8 + 1)), 9)
    data = b"IDAT" + rows
    parts = [chunk, data, b"IEND"]
    return small[:8] + b"".join(
        (len(part) - 4).to_bytes(4, "big") + part + zlib.crc32(part).to_bytes(4, "big") for part in parts
    )


def main() -> None:
    """Send everything and print what came of it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "hostile"
    sent, statuses, slowest = files(folder), Counter(), []
    with tempfile.TemporaryDirectory() as place, ready(Path(place)) as server:
        before = holding(server.process.pid)
        with Peak(server.process.pid) as peak:
            for name, data in sent.items():
                for path in (PAGE, API):
                    started = time.monotonic()
                    status, _ = send(server, data, path)
                    statuses[path, status] += 1
                    slowest.append((time.monotonic() - started, path, status, name))
        after = holding(server.process.pid)
        alive = server.process.poll() is None
    print(f"files tried        {len(sent)}, each to {PAGE} and {API}")
    for (path, status), count in sorted(statuses.items()):
        print(f"{path:<18} {status or 'broken'}: {count}")
    for seconds, path, status, name in sorted(slowest, reverse=True)[:3]:
        print(f"slowest            {seconds:.2f} s, {status}, {path}, {name}")
    print(f"memory             {before.memory:.0f} MB before, {peak.memory:.0f} MB peak, {after.memory:.0f} MB after")
    print(f"processes          {before.processes} before, {after.processes} after; the server runs: {alive}")
    if any(status == 0 or status >= 500 for _, status in statuses):
        raise SystemExit("Some files were not answered as they should be.")


if __name__ == "__main__":
    main()
