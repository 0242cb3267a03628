"""Whatever is asked of the API, by whomever: it answers as its own description says (schemathesis), and only to those whom it lets.

A short pass by default; DOCKD_API_EXAMPLES=500 tries longer.
"""

from __future__ import annotations

import os
from typing import Any, get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance, unsupported_method

from dockd.access import ROLES, Right, may
from dockd.page.openapi import document

EXAMPLES = int(os.environ.get("DOCKD_API_EXAMPLES", "8"))
WHO = ("local", "nobody", *ROLES)
# A stream has no end that could be waited for.
calls = schemathesis.openapi.from_dict(document(version="test")).exclude(path="/events")


def _may(who: str, right: Right, path: str) -> bool:
    if who == "local" or path in ("/readyz", "/metrics"):  # probes of this machine need no token
        return True
    return right == "open" if who == "nobody" else may(who, right)  # type: ignore[arg-type]


@pytest.mark.parametrize("who", WHO)
@calls.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_as_described(case: schemathesis.Case[Any], who: str, doors: dict[str, tuple[str, dict[str, str]]]) -> None:
    url, headers = doors[who]
    right = case.operation.definition.raw["x-dockd-right"]
    assert right in get_args(Right)
    answer = case.call(base_url=f"{url}/api/v1", headers=headers)
    # Whether words make sense (a rate, a time, a reason) no schema says; without users nobody needs to say who they are.
    left_out = [positive_data_acceptance, ignored_auth]
    if answer.status_code == 503:  # it says why, and when to ask again
        left_out.append(not_a_server_error)
    if answer.status_code in (401, 403):  # whoever may not learn anything does not learn what could be asked
        left_out.append(unsupported_method)
    case.validate_response(answer, excluded_checks=left_out)
    if case.method.upper() != case.operation.method.upper():  # a way of asking that is not described
        assert answer.status_code in (400, 401, 403, 404, 405, 421), answer.status_code
        return
    if _may(who, right, case.operation.path):
        assert answer.status_code not in (401, 403) or who == "local", answer.text
    else:
        assert answer.status_code in (400, 401, 403, 404, 421), f"{who} may not {right}, and got {answer.status_code}"
        assert answer.status_code != 404 or who != "nobody", (
            "whoever has not said who they are learns nothing of what there is"
        )
