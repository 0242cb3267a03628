"""The mount helper with another rule: loop devices are cameras', and one of them can be made to hang.

    python -m tests.unit.dockd.mounting.loop_helper HANG_FOLDER WORDS...

As long as HANG_FOLDER has a file named like a device (loop3), that device does not answer; loop3.hangs says that it was asked.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from dockd.mounting.desk import Limits
from dockd.mounting.helper import run


def main() -> None:
    hangs = Path(sys.argv[1])

    def is_loop(sysfs: Path) -> bool:
        while (hangs / sysfs.name).exists():
            (hangs / f"{sysfs.name}.hangs").touch()
            time.sleep(0.01)
        return sysfs.name.startswith("loop")

    limits = Limits(work=float(os.environ.get("WORK_SECONDS", "20")), leave=0.5, occupied=0.3, detach=0.3)
    os._exit(run(sys.argv[2:], on_usb=is_loop, limits=limits))


if __name__ == "__main__":
    main()
