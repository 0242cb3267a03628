"""Take out of the package's libraries what dockd has no use for, and write the list of what is carried.

Why it exists: the Debian package carries the wheels of requirements-cameras.lock. Rules kept here: a folder is left out only with
a reason, in the table below; what stays is byte for byte what the lock vouches for, and each library's RECORD names
exactly what is there; nothing that stays names the place where the package was built.

    python3 packaging/left_out.py SITE-PACKAGES --list libraries.txt
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path

LEFT_OUT = {
    "pip": "nobody installs into the package's environment; sqlite-utils names it for a command of its own",
    "pip-*.dist-info": "goes with pip",
    "botocore/data": "descriptions of Amazon's services (31 MB): botocore only signs requests here",
    "*.dist-info/direct_url.json": "the path of a file on the machine that built the package",
    "*.dist-info/REQUESTED": "pip's note to itself",
}


def main() -> int:
    """Prune the folder, write the list; 1 where the table names something that is not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--list", type=Path, required=True, dest="listing")
    arguments = parser.parse_args()
    site: Path = arguments.site
    for pattern in LEFT_OUT:
        found = list(site.glob(pattern))
        if not found:
            print(f"error: {site} holds no {pattern}: mend the table in {__file__}", file=sys.stderr)
            return 1
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    libraries = sorted(site.glob("*.dist-info"), key=lambda folder: folder.name.lower())
    for folder in libraries:
        make_record_true(folder / "RECORD", site=site)
    described = [describe(folder) for folder in libraries if not folder.name.startswith("dockd-")]
    arguments.listing.write_text(
        "\n".join(["Python libraries in /usr/lib/dockd, as their makers publish them.\n", *described])
    )
    return 0


def make_record_true(record: Path, *, site: Path) -> None:
    """Drop the lines of files that are not there: what was left out, and commands that nobody calls."""
    lines = [
        line
        for line in csv.reader(io.StringIO(record.read_text()))
        if (site / line[0]).is_file() and ".." not in line[0]
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(lines))
    record.write_text(text.getvalue())


def describe(folder: Path) -> str:
    """Name, version, licence, home and licence texts of one library, in lines for a person."""
    about = Parser().parsestr((folder / "METADATA").read_text(encoding="utf-8"), headersonly=True)
    texts = sorted(
        path.relative_to(folder.parent).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name.upper().startswith(("LICEN", "COPYING", "NOTICE", "AUTHORS"))
    )
    lines = [f"{about['Name']} {about['Version']}", f"  licence  {licence(about)}", f"  home     {home(about)}"]
    lines += [f"  text     {text}" for text in texts]
    return "\n".join(lines) + "\n"


def licence(about: Message) -> str:
    """As the library's makers say it: an expression, a line, or classifiers."""
    said = about["License-Expression"] or about["License"] or ""
    if said and "\n" not in said.strip() and len(said) < 100:
        return str(said).strip()
    classifiers = [text.rpartition(" :: ")[2] for text in about.get_all("Classifier", []) if text.startswith("License")]
    return ", ".join(classifiers) or "see its text"


def home(about: Message) -> str:
    """Where it comes from."""
    links = dict(text.split(", ", 1) for text in about.get_all("Project-URL", []) if ", " in text)
    named = {label.lower(): link for label, link in links.items()}
    found = about["Home-page"] or next(
        (named[label] for label in ("homepage", "source", "repository", "source code", "github") if label in named), ""
    )
    return str(found or next(iter(links.values()), "not said"))


if __name__ == "__main__":
    sys.exit(main())
