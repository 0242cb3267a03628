"""tuspy, run by an environment of its own: `python tus_tuspy.py URL FILE SHA256`."""

import os
import sys

from tusclient.client import TusClient

url, file, sha256 = sys.argv[1:]
uploader = TusClient(url).uploader(file, chunk_size=64 << 20, metadata={"filename": "segment", "sha256": sha256})
uploader.upload()
assert uploader.offset == os.path.getsize(file)
