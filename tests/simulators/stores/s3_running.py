"""A simulated S3 server behind a real address."""

from __future__ import annotations

import ssl
from typing import cast

from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running
from tests.simulators.stores.s3 import HonestS3


class RunningS3(Running):
    """`far` may be replaced at any time: the address stays.

    with RunningS3(HonestS3()) as store:
        ...  # store.bucket_url
    """

    def __init__(self, far: HonestS3, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(cast(HonestStore, far), tls=tls)

    @property
    def far(self) -> HonestS3:
        return cast(HonestS3, self.store)

    @far.setter
    def far(self, far: HonestS3) -> None:
        self.store = cast(HonestStore, far)

    @property
    def bucket_url(self) -> str:
        """What `store.url` names."""
        return self.url + ("" if self.far.host_style else f"/{self.far.vault.bucket}")
