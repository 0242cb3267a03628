"""A certificate authority of a force's own, made by openssl, as its administrators make it."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """One authority in a folder of its own, good for `days`; `certificate` is what its docks are given as store.ca_file."""

    def __init__(self, folder: Path, *, days: int = 2) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._openssl(
            "req",
            "-x509",
            *_KEY,
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            str(days),
            "-subj",
            "/CN=a force's own",
        )

    def issue(self, name: str, *, for_: str = "IP:127.0.0.1", days: int = 2) -> Path:
        """A certificate, and its key, in one file, made once; `for_` is who may show it, `days` below 0: it is over."""
        both = self._folder / f"{name}.pem"
        if both.exists():
            return both
        self._openssl("req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (self._folder / f"{name}.ext").write_text(f"subjectAltName={for_}\nbasicConstraints=CA:FALSE\n")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.ext")
        self._openssl("x509", "-req", "-in", f"{name}.csr", *signed, "-days", str(days), "-out", f"{name}.crt")
        both.write_text((self._folder / f"{name}.key").read_text() + (self._folder / f"{name}.crt").read_text())
        both.chmod(0o600)
        return both

    def served(self, name: str, *, for_: str = "IP:127.0.0.1", days: int = 2) -> ssl.SSLContext:
        """For a server that shows such a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(name, for_=for_, days=days))
        return context

    def trusted(self) -> ssl.SSLContext:
        """For a client that believes this authority alone."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def _openssl(self, *words: str) -> None:
        done = subprocess.run(["openssl", *words], cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
