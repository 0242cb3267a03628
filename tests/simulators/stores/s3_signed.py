"""Whether a request to a simulated S3 server is signed (Signature Version 4): computed anew by botocore's own signer."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime

from aiohttp import web
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.simulators.stores.s3_vault import Vault

_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
_SKEW = 15 * 60


def wrong_signature(request: web.BaseRequest, vault: Vault) -> str:
    """The error code that a server answers with; empty where the signature is right."""
    match = _FORM.fullmatch(request.headers.get("Authorization", ""))
    if match is None:
        return "AccessDenied"
    key_id, day, region, names, signature = match.groups()
    if key_id != vault.key_id:
        return "InvalidAccessKeyId"
    said = request.headers.get("X-Amz-Date", "")
    try:
        moment = datetime.strptime(said, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return "AccessDenied"
    if abs((datetime.now(UTC) - moment).total_seconds()) > _SKEW:
        return "RequestTimeTooSkewed"
    if region != vault.region:
        return "AuthorizationHeaderMalformed"
    ours = _signature(request, vault, said=said, names=names.split(";"))
    return "" if said.startswith(day) and hmac.compare_digest(ours, signature) else "SignatureDoesNotMatch"


def _signature(request: web.BaseRequest, vault: Vault, *, said: str, names: list[str]) -> str:
    headers = {name: ",".join(request.headers.getall(name, [])) for name in names}
    anew = AWSRequest(method=request.method, url=f"http://{request.host}{request.raw_path}", headers=headers)
    if "x-amz-content-sha256" not in names:
        anew.headers["X-Amz-Content-SHA256"] = request.headers.get("X-Amz-Content-SHA256", "")
    anew.context["timestamp"] = said
    signer = S3SigV4Auth(Credentials(vault.key_id, vault.secret), "s3", vault.region)
    found = signer.signature(signer.string_to_sign(anew, signer.canonical_request(anew)), anew)
    assert isinstance(found, str)
    return found
