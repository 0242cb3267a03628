"""A certificate as one printable page without scripts, and as text."""

from __future__ import annotations

import textwrap

import jinja2

from dockd.certificate.facts import Certificate

_WIDTH = 110
_LABEL = 28


def as_html(found: Certificate) -> str:
    """One file: nothing is fetched, nothing runs, everything is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dockd.certificate", "."), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html").render(page=found)


def as_text(found: Certificate) -> str:
    """For a terminal or a plain printer."""
    lines = [
        f"Certificate of segment {found.segment}",
        f"made {found.made_at}",
        "",
        *textwrap.wrap(found.verdict, _WIDTH),
    ]
    for title, rows in found.sections:
        lines += ["", title.upper()]
        for label, value in rows:
            lines += _row(label, value)
    lines += ["", "WHAT HAPPENED"]
    for at, seq, words in found.story:
        lines += _row(f"{at}  {seq}".strip(), words)
    lines += ["", "HOW TO CHECK IT"]
    lines += [f"  {number}. {one}" for number, one in enumerate(found.check, 1)]
    return "\n".join(lines) + "\n"


def _row(label: str, value: str) -> list[str]:
    pad = " " * (_LABEL + 4)
    wrapped = textwrap.wrap(value, _WIDTH - len(pad), break_on_hyphens=False) or [""]
    if len(label) > _LABEL:
        return [f"  {label}", *(pad + line for line in wrapped)]
    return [f"  {label:<{_LABEL}}  {wrapped[0]}", *(pad + line for line in wrapped[1:])]
