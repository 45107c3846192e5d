"""Tables on S3-compatible storage. Endpoint, region and keys come from the usual AWS_* variables."""

from __future__ import annotations

import os
from typing import Any

from ropewalk.errors import DataError, MissingError, StoreError


def scan_options() -> dict[str, str]:
    """What Polars needs besides the AWS_* variables that it reads itself."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    options = {"aws_region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"}
    if endpoint:
        options |= {"aws_endpoint_url": endpoint, "aws_allow_http": str(endpoint.startswith("http://")).lower()}
    return options


def remote_files(address: str) -> list[str]:
    """The tables at an s3:// address, a file or a folder, in order of name."""
    from ropewalk.spine.data.sources import ENDINGS, ending

    if ending(address):
        if not _listing(address):
            raise _nothing(address)
        return [address]
    tables = [f"s3://{_bucket(address)}/{o['path']}" for o in _listing(address) if ending(str(o["path"]))]
    if not tables:
        raise DataError([f"{address}: there is no table under it. Tables end in {', '.join(ENDINGS)}."])
    return tables


def remote_fingerprint(address: str) -> str:
    """Name, size and ETag of every file at the address."""
    found = _listing(address)
    if not found:
        raise MissingError(
            "file", address, hint="Nothing lies at that address; look at bucket, path and AWS_ENDPOINT_URL."
        )
    return "\n".join(f"{o['path']} {o['size']} {o.get('e_tag')}" for o in found)


def _nothing(address: str) -> MissingError:
    return MissingError(
        "file", address, hint="Nothing lies at that address; look at bucket, path and AWS_ENDPOINT_URL."
    )


def _bucket(address: str) -> str:
    return address.removeprefix("s3://").partition("/")[0]


def _listing(address: str) -> list[dict[str, Any]]:
    try:
        import obstore
        from obstore.store import S3Store
    except ImportError:
        raise MissingError("installed package", "obstore", hint="Install it: pip install 'ropewalk[s3]'") from None
    from ropewalk.spine.data.sources import ending

    options = scan_options()
    key = address.removeprefix("s3://").partition("/")[2]
    plain = {"endpoint": options["aws_endpoint_url"]} if "aws_endpoint_url" in options else {}
    allow = {"allow_http": options.get("aws_allow_http") == "true"}
    store = S3Store(_bucket(address), region=options["aws_region"], client_options=allow, **plain)  # type: ignore[arg-type]
    try:
        if ending(key):
            return [dict(obstore.head(store, key))]
        return sorted((dict(o) for part in obstore.list(store, key) for o in part), key=lambda o: str(o["path"]))
    except FileNotFoundError:
        return []
    except Exception as error:
        raise StoreError(
            f"{address}: the storage did not answer as expected: {str(error).strip().splitlines()[0]}"
        ) from None
