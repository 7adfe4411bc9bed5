"""Limits of a decoder process. Imports little, because such a process starts with it."""

import resource
import signal
from pathlib import Path


def set_limits(max_pixels: int, memory: int) -> None:
    """Limit this process, in the child: `memory` in bytes beyond what it uses now, and pixels that it may write."""
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    written = 3 * max_pixels + 100
    resource.setrlimit(resource.RLIMIT_AS, (used + memory,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    # No core dumps, which would contain the photo, and no new files or connections. Limiting processes is impossible:
    # the kernel counts threads as processes, and the HEIC decoder needs one.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    # Signals to stop the server reach its whole process group. This process must serve the last request.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
