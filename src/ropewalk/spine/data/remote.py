"""Tables on S3-compatible storage. Endpoint, region and keys come from the usual AWS_* variables."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
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


def download(address: str, folder: Path) -> list[tuple[str, Path]]:
    """The object at an s3:// address, or all below it in order of name, as local files: (name below the address, file).

    A file that is there already with the same ETag is not brought again; nothing half-brought is visible.
    """
    import obstore

    key = address.removeprefix("s3://").partition("/")[2]
    found = _listing(address, exact=False)
    if not found:
        raise _nothing(address)
    store = _client(address)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for one in found:
        path = str(one["path"])
        named = hashlib.sha256(f"{address} {path} {one['size']} {one.get('e_tag')}".encode()).hexdigest()[:16]
        file = folder / f"{named}-{path.rpartition('/')[2]}"
        if not file.exists():
            half = file.with_name(f".{file.name}.{os.getpid()}")
            with open(half, "wb") as out, _answering(address):
                for piece in obstore.get(store, path).stream():
                    out.write(piece)
            os.replace(half, file)
        files.append((path.removeprefix(key).lstrip("/"), file))
    return files


def _client(address: str) -> Any:
    try:
        from obstore.store import S3Store
    except ImportError:
        raise MissingError("installed package", "obstore", hint="Install it: pip install 'ropewalk[s3]'") from None
    options = scan_options()
    plain = {"endpoint": options["aws_endpoint_url"]} if "aws_endpoint_url" in options else {}
    allow = {"allow_http": options.get("aws_allow_http") == "true"}
    return S3Store(_bucket(address), region=options["aws_region"], client_options=allow, **plain)  # type: ignore[arg-type]


@contextlib.contextmanager
def _answering(address: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        raise StoreError(f"{address}: the storage did not answer as expected: {first}") from None


def _listing(address: str, exact: bool | None = None) -> list[dict[str, Any]]:
    """What lies at the address. `exact`: an object of that name alone; by default where the name ends like a table."""
    store = _client(address)
    import obstore

    from ropewalk.spine.data.sources import ending

    key = address.removeprefix("s3://").partition("/")[2]
    with _answering(address):
        if exact if exact is not None else ending(key):
            return _head(store, key)
        below = sorted((dict(o) for part in obstore.list(store, key) for o in part), key=lambda o: str(o["path"]))
        return below or (_head(store, key) if exact is False and key else [])


def _head(store: Any, key: str) -> list[dict[str, Any]]:
    import obstore

    try:
        return [dict(obstore.head(store, key))]
    except FileNotFoundError:
        return []
