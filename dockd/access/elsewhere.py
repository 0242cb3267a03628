"""In whose name somebody is let in who has signed in elsewhere."""

from __future__ import annotations

import hashlib
import json

from dockd.settings.schema import OidcSettings


def voucher(settings: OidcSettings) -> str:
    """What sessions of those who sign in elsewhere begin with: the kind of the one who vouches, and a mark of the settings by which people are let in.

    Another provider, or another table of roles, is another voucher: no session of before goes on with a role that was taken away. Empty where nobody vouches.

    >>> voucher(OidcSettings())
    ''
    >>> one = OidcSettings(issuer="https://login.example.org", client_id="d", roles=(("s", "sergeant"),))
    >>> other = OidcSettings(issuer="https://login.example.org", client_id="d", roles=(("s", "viewer"),))
    >>> voucher(one).startswith("oidc-"), voucher(one) == voucher(other)
    (True, False)
    """
    if settings.issuer is None:
        return ""
    said = [settings.issuer, settings.client_id, settings.name_claim, settings.role_claim, settings.roles]
    return "oidc-" + hashlib.sha256(json.dumps(said).encode("utf-8")).hexdigest()[:8]
