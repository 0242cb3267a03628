"""The support bundle: nothing that is secret, and nobody's name, leaves a dock; doctor asks as who the agent is, and hears who interrupts it."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_SECRETS = ("tests/unit/dockd/support/test_secrets.py",)
_BUNDLE = ("tests/unit/dockd/support/test_bundle.py",)
_NAMES = ("tests/unit/dockd/support/test_names.py",)
_CONFIGURATION = ("tests/unit/dockd/support/test_configuration.py",)
_COMMAND = ("tests/e2e/test_support_bundle.py",)

SUPPORT = (
    Mutant(
        name="support: a known secret stays", promise="no secret leaves a dock, whatever it looks like",
        file="dockd/support/bundle.py", old="text, known = self._known.taken_out(text)", new="_, known = self._known.taken_out(text)",
        tests=_BUNDLE, short=True,
    ),
    Mutant(
        name="support: base64 at one alignment", promise="a secret behind a user's name in base64 is found",
        file="dockd/support/secrets.py", old="for before in range(3):", new="for before in range(1):",
        tests=_SECRETS,
    ),
    Mutant(
        name="support: what looks like a secret stays", promise="a secret that nobody here knows does not leave in a log",
        file="dockd/support/bundle.py", old="text, alike = without_secrets(text)", new="_, alike = without_secrets(text)",
        tests=_COMMAND,
    ),
    Mutant(
        name="support: who asks stays in a URL", promise="a password in a URL does not leave",
        file="dockd/support/patterns.py", old="{1,1000}@", new="{1,3}@",
        tests=_SECRETS,
    ),
    Mutant(
        name="support: the reason that a part is missing is not looked into", promise="no secret leaves in the manifest",
        file="dockd/support/bundle.py", old="entry.why, entry.notes = _clean(door, entry.why), [", new="entry.why, entry.notes = entry.why, [",
        tests=_BUNDLE,
    ),
    Mutant(
        name="support: hidden before all are known", promise="who is named in one part is hidden in all",
        file="dockd/support/bundle.py", old="texts = [door.learn(part, one.text) for part, one in found]", new="texts = (door.learn(part, one.text) for part, one in found)",
        tests=(*_BUNDLE, *_COMMAND),
    ),
    Mutant(
        name="support: names in what the journal took", promise="nobody is named in the journal's lines",
        file="dockd/support/bundle.py", old='    return names.of_document(line, inner, prefix="dockd.")', new="    return line",
        tests=_BUNDLE,
    ),
    Mutant(
        name="support: what somebody has typed stays", promise="no free text leaves that a person has written",
        file="dockd/support/names.py", old='TYPED = frozenset({"problem.closed", ', new='TYPED = frozenset({',
        tests=_NAMES,
    ),
    Mutant(
        name="support: an ordinary word that is a name stays", promise="nobody leaves by an account that is called as much else is",
        file="dockd/support/names.py", old='        text = meant.sub(lambda found: self._alias_of_meant(found, between), between)\n', new="",
        tests=_NAMES,
    ),
    Mutant(
        name="support: keys that dockd does not know", promise="a secret in the wrong place of a configuration does not leave",
        file="dockd/support/configuration.py", old="        if not known:\n", new="        if not known and section not in SECTIONS:\n",
        tests=_CONFIGURATION,
    ),
    Mutant(
        name="support: comments", promise="what stands in a comment does not leave",
        file="dockd/support/configuration.py", old='        if text.lstrip().startswith("#"):\n            return self.gone("a comment")\n', new='        if text.lstrip().startswith("#"):\n            return text\n',
        tests=_CONFIGURATION,
    ),
    Mutant(
        name="support: what failed halfway stays", promise="an archive is there whole or not at all",
        file="dockd/support/bundle.py", old="            aside.unlink()\n", new="            aside.exists()\n",
        tests=_BUNDLE,
    ),
    Mutant(
        name="support: what others may read", promise="a bundle is its owner's alone",
        file="dockd/support/bundle.py", old="os.O_CLOEXEC, 0o600)", new="os.O_CLOEXEC, 0o644)",
        tests=_BUNDLE,
    ),
    Mutant(
        name="doctor: as root where it speaks for the agent", promise="what the agent may not do is found out by being its user",
        file="dockd/doctor/apart.py", old="    if job.user is not None:\n", new="    if job.user is not None and os.getuid():\n",
        tests=("tests/unit/dockd/doctor/test_said.py",),
    ),
    Mutant(
        name="doctor: a port that is taken is the agent's", promise="another program at the page's port is told",
        file="dockd/doctor/page.py", old="        ours = listen.port in ports(machine, agent)\n", new="        ours = bool(listen.port)\n",
        tests=("tests/unit/dockd/doctor/test_page_port.py",),
    ),
    Mutant(
        name="doctor: a ledger that opens is whole", promise="a damaged ledger is found before the next start finds it",
        file="ingest/ledger/bounded_look.py", old="            check_content(connection, path)\n", new="",
        tests=("tests/unit/dockd/doctor/test_ledger.py",),
    ),
    Mutant(
        name="doctor: credentials that are not taken are a warning", promise="a dock that nobody lets in is not well",
        file="dockd/doctor/store.py", old="    except Refused as error:\n        return not_let_in(settings, error)\n    except", new="    except",
        tests=("tests/unit/dockd/doctor/test_store_and_helper.py::test_a_token_that_the_store_does_not_take_fails_with_the_step",),
    ),
)  # fmt: skip
