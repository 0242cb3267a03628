"""A store that is a folder: a share (NFS, SMB) that is mounted on the dock. The agent never touches it itself (docs/decisions/0024)."""

from ingest.store.directory.adapter import DirectoryStore

__all__ = ["DirectoryStore"]
