"""Signature Version 4, by botocore's own signer: what a request is signed with, and what of it is signed.

Rules: each request is signed whole, with the SHA-256 of the body that really goes with it; nothing is sent as UNSIGNED-PAYLOAD.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ingest.store.s3.credentials import Keys

EMPTY = hashlib.sha256(b"").hexdigest()


class _OfKnownBody(S3SigV4Auth):  # type: ignore[misc]
    """The signer, for bodies whose digest is known: they are streamed, and never seen here."""

    def payload(self, request: AWSRequest) -> str:
        """The SHA-256 of the body, hex."""
        digest: str = request.context["body_sha256"]
        return digest


def signed(
    method: str, url: str, headers: Mapping[str, str], *, body_sha256: str, keys: Keys, region: str
) -> dict[str, str]:
    """`headers` and those that sign the request. `url` as it goes over the line, its query in percent encoding."""
    request = AWSRequest(method=method, url=url, headers=dict(headers))
    request.context["body_sha256"] = body_sha256
    signer = _OfKnownBody(Credentials(keys.access, keys.secret, keys.token), "s3", region)
    signer.add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}
