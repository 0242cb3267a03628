"""Take a picture of a running page with the machine's own Chromium, for the README and docs/.

    python packaging/screenshot.py http://127.0.0.1:8080/ docs/page.png --width 1280 --height 900 [--dark]

Nothing but the page is asked: background requests of the browser are off, and its profile is thrown away.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
)  # fmt: skip


def main() -> int:
    """Exit code 0: the picture is there; 1: the browser failed; 3: there is no browser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1280, help="CSS pixels (default 1280)")
    parser.add_argument("--height", type=int, default=900, help="CSS pixels (default 900)")
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels for each of them")
    parser.add_argument("--dark", action="store_true", help="as for somebody who prefers dark")
    wanted = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("no Chromium on this machine: apt-get install --no-install-recommends chromium", file=sys.stderr)
        return 3
    out: Path = wanted.out.absolute()
    out.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="dockd-screenshot-") as profile:
        command = [
            browser, *_FLAGS, f"--user-data-dir={profile}", f"--window-size={wanted.width},{wanted.height}",
            f"--force-device-scale-factor={wanted.scale}", f"--screenshot={out}",
            *(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if wanted.dark else []), wanted.url,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if not out.exists():
        print(done.stderr[-2000:], file=sys.stderr)
        return 1
    print(f"{out}: {out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
