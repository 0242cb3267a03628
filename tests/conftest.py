"""What holds for every test: hypothesis draws the same examples on every run, and a busy machine fails nobody.

`HYPOTHESIS_PROFILE=searching` draws new examples each time, and more of them; what it finds becomes a test of its own.
"""

from __future__ import annotations

import os
import signal
import threading

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    # a shell ignores it for what it starts in the background, and programs under test would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
