"""Every lie that an S3 server can tell, with hashes and without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.stores.s3_every_lie import Kind
from tests.simulators.stores.s3_scene import all_tried

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("kind", ["hashes", "plain"])
async def test_no_lie_of_a_bucket_gets_a_file_deleted(
    tmp_path: Path, kind: Kind, record_property: Callable[[str, Any], None]
) -> None:
    count, wrong = await all_tried(tmp_path, kind)
    wiped = sum("WIPED" in line for line in wrong)
    record_property("table", f"simulated, {kind}: {count} lies told, {wiped} files wiped that the bucket does not hold")
    assert not wrong, "\n".join(wrong)
