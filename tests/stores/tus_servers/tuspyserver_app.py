"""tuspyserver in its plain form: python tuspyserver_app.py FOLDER PORT [readable]. Says where it listens on its first line.

`readable`: its files may be read by GET, which it does not offer by itself.
"""

import socket
import sys
from pathlib import Path

import uvicorn  # type: ignore[import-not-found]
from fastapi import FastAPI, Response  # type: ignore[import-not-found]
from tuspyserver import create_tus_router  # type: ignore[import-not-found]

folder, port, readable = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] == ["readable"]
app = FastAPI()


@app.get("/files/{name}")  # type: ignore[untyped-decorator]
def read(name: str) -> Response:
    path = folder / Path(name).name
    if not readable:
        return Response(status_code=405)
    return Response(path.read_bytes()) if path.is_file() else Response(status_code=404)


app.include_router(create_tus_router(prefix="files", files_dir=str(folder)))
sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(("127.0.0.1", port))
sock.listen(128)
print(f"http://127.0.0.1:{sock.getsockname()[1]}/files/", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[sock])
