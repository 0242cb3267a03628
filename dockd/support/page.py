"""What the agent's own page says of it: asked on this machine, with the certificate that it is to show.

Rules kept here: whoever answers at page.listen is shown a token only where it is on this machine, or shows the very certificate that the configuration names; no
proxy, no redirect; what answers is bounded.
"""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass, field

from dockd.doctor import agent
from dockd.doctor.machine import Machine, NotSeen
from dockd.doctor.sockets import ports
from dockd.settings import Settings
from dockd.support.gathered import Gathered

_PATIENCE = 5.0
_LARGEST = 4 << 20
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (where it listens, not here)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The agent's page, by its configuration. `token`: of whoever asks; empty: none."""

    machine: Machine
    settings: Settings
    token: str = field(default="", repr=False)

    def document(self, path: str) -> Gathered:
        """The JSON document there. Raises NotSeen."""
        text = self.text(path)
        try:
            return Gathered(text=json.dumps(json.loads(text), indent=1) + "\n")
        except ValueError as error:
            raise NotSeen("what answers there is not dockd's page") from error

    def text(self, path: str) -> str:
        """What is there. Raises NotSeen."""
        listen = self.settings.page.listen
        connection = self._connection(_EVERYWHERE.get(listen.host, listen.host), listen.port or self._any_port())
        headers = {"Host": "localhost", "Connection": "close"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.connect()
            self._known(connection)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            said = answer.read(_LARGEST)
        except (OSError, http.client.HTTPException) as error:
            raise NotSeen(
                f"the agent's page does not answer at {listen} ({str(error) or type(error).__name__})"
            ) from error
        finally:
            connection.close()
        if answer.status in (401, 403):
            raise NotSeen("the agent has users and does not tell this to anybody: name a token's file with --token-file (`dockd token create --role viewer`)")  # fmt: skip
        if answer.status >= 400 and path != "/readyz":
            raise NotSeen(f"the agent's page answers {answer.status}")
        return said.decode("utf-8", "backslashreplace")

    def _any_port(self) -> int:
        """The one that the agent has, where it is any free one. Raises NotSeen."""
        number = agent.process(self.machine, self.settings)
        found = ports(self.machine, number) if number is not None else []
        if len(found) != 1:
            raise NotSeen("page.listen is any free port, and the agent listens at none, or at several")
        return found[0]

    def _connection(self, host: str, port: int) -> http.client.HTTPConnection:
        if self.settings.page.tls_cert_file is None:
            return http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = (
            ssl.CERT_NONE
        )  # the certificate itself is compared, which names need not be for this machine's own
        return http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=context)

    def _known(self, connection: http.client.HTTPConnection) -> None:
        """Raises NotSeen where another certificate is shown than the configuration names."""
        if not isinstance(connection.sock, ssl.SSLSocket) or self.settings.page.tls_cert_file is None:
            return
        try:
            pem = self.settings.page.tls_cert_file.read_text(encoding="ascii")
            end = "-----END CERTIFICATE-----"
            leaf = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE-----") : pem.index(end) + len(end)])
        except (OSError, ValueError) as error:
            raise NotSeen(f"page.tls_cert_file cannot be read ({error}): whose page answers is not known") from error
        if connection.sock.getpeercert(binary_form=True) != leaf:
            raise NotSeen(
                "what answers there shows another certificate than page.tls_cert_file: renewed since the agent's last reload, or another program"
            )
