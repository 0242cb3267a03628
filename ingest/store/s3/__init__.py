"""S3 buckets: Ceph RGW, MinIO, AWS, Swift and others of that protocol (docs/decisions/0023, docs/stores.md).

documents, meanings   what comes back: XML, errors
credentials, signing  who asks
requests              signed requests to one bucket
addresses             keys of segments, and what the ledger keeps of an upload
marker                which store a bucket is
baits                 what its server really checks, found out by trying
retention             locks that hold, found out by trying to delete
uploads, objects      transfers in parts; what lies under a key
store                 the adapter
"""

from ingest.store.s3.store import S3Store

__all__ = ["S3Store"]
