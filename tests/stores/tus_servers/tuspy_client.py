# mypy: ignore-errors
"""A tus client of another make: python tuspy_client.py FILES_URL FILE [UPLOAD_URL]. Says the upload's address, then the offset after each piece."""

import sys

from tusclient.client import TusClient

files, path, known = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None
uploader = TusClient(files).uploader(path, chunk_size=1 << 20, url=known, metadata={"filename": "footage.mp4"})
if known is None:
    uploader.set_url(uploader.create_url())
print(uploader.url, flush=True)
while uploader.offset < uploader.get_file_size():
    uploader.upload_chunk()
    print(uploader.offset, flush=True)
