"""Hold the built packages against the working tree: whatever dockd needs at run time must be in the wheel.

`pip install .` alone (no npm, no make) has to carry profiles, page templates and demo clips. A file that is
under version control in a shipped folder and missing from the wheel is a defect of the build settings, found
here and not at a station.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A shipped folder, where it lies in the wheel, and a pattern that at least one file of it must match.
SHIPPED = (
    ("dockd/", "dockd/", "dockd/cli/*.py"),
    ("dockd/", "dockd/", "dockd/demo/clips/*.mp4"),
    ("dockd/", "dockd/", "dockd/page/templates/*"),
    ("ingest/", "ingest/", "ingest/ledger/*"),
    ("config/", "dockd/_config/", "config/dockd.toml"),
)
ALLOWED = ("dockd/", "ingest/", "dockd-")


def main() -> int:
    """Print every file that is missing from or should not be in the wheel; 0 when there is none."""
    folder = Path(sys.argv[1])
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        print(f"error: {folder} holds {len(wheels)} wheels, expected one", file=sys.stderr)
        return 1
    with zipfile.ZipFile(wheels[0]) as archive:
        packed = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "dockd", "ingest", "config"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    sources = [Path(name) for name in tracked.stdout.split("\0") if name]
    complaints = [f"unexpected in the wheel: {name}" for name in sorted(packed) if not name.startswith(ALLOWED)]
    for prefix, place in dict.fromkeys((prefix, place) for prefix, place, _ in SHIPPED):
        for source in (name for name in sources if name.as_posix().startswith(prefix)):
            inside = place + source.as_posix().removeprefix(prefix)
            if inside not in packed:
                complaints.append(f"missing from the wheel: {source}")
    for _, _, pattern in SHIPPED:
        if not any(source.match(pattern) for source in sources):
            complaints.append(f"nothing in the working tree matches {pattern}")
    print("\n".join(complaints) or f"{wheels[0].name}: {len(packed)} files, everything in it", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
