"""What a request costs: one row to the learned policy (and to a small network), one worker, 16 connections kept open.

    python benchmarks/serving.py                             ours only
    python benchmarks/serving.py --anchor-python PATH        beside FastAPI + onnxruntime in the environment of PATH
                                                             (fastapi, uvicorn, uvloop, httptools, onnxruntime, skl2onnx)

CPU is the server process's own (user + system, all threads: sealing the events too), in windows of a second: the median
window, and the least, which is what other work on the machine disturbed least. The server and the client have a core
each; rounds alternate. Required: at most 250 us a request.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
ANCHOR_US = 208  # FastAPI + onnxruntime, as measured elsewhere on a quiet machine of two cores
ROW = {f"c{i:02}": 1.5 + i for i in range(14)} | {
    "item": "A-1001", "site": "S-7", "day": "2024-03-01", "promo": False, "pack": 6, "history": [float(i % 9) for i in range(26)],
}  # fmt: skip
TEN = {f"x{i}": 0.1 * i for i in range(10)}


def serve_ours(folder: str) -> None:
    """20 columns, one of them a list of 26; a small network of NumPy; events go to a file."""
    import numpy as np

    from ropewalk.spine.serving.app import Served
    from ropewalk.spine.serving.server import serve
    from ropewalk.types import Column, Contract

    numbers = [Column(f"c{i:02}", "float", f"number {i}", low=0, high=1e6) for i in range(14)]
    others = [
        Column("item", "str", "the item"), Column("site", "str", "the site"), Column("day", "date", "the day"),
        Column("promo", "bool", "on promotion"), Column("pack", "int", "pack size", low=1),
        Column("history", "float", "weeks sold", length=26, low=0),
    ]  # fmt: skip
    random = np.random.default_rng(0)
    first, second, last = (
        random.normal(size=(42, 96)),
        random.normal(size=(96, 96)) / 9,
        random.normal(size=(96, 2)) / 9,
    )

    class Network:
        def predict(self, requests):
            names = [f"c{i:02}" for i in range(14)]
            x = np.concatenate(
                [np.stack([requests[n] for n in names], 1), requests["history"], requests["pack"][:, None],
                 requests["promo"][:, None]], 1,
            )  # fmt: skip
            out = np.tanh(np.tanh(np.log1p(x) @ first) @ second) @ last
            return {"order": np.maximum(np.round(out[:, 0] * 10), 0), "level": out[:, 1], "item": requests["item"]}

        def save(self, folder):
            raise NotImplementedError

    answers = Contract(
        (Column("order", "float", "units"), Column("level", "float", "units"), Column("item", "str", "the item"))
    )
    model = Network()
    example = {n.name: np.ones(1) for n in numbers} | {
        "history": np.ones((1, 26)), "pack": np.ones(1), "promo": np.zeros(1), "item": np.array(["a"], object),
    }  # fmt: skip
    calls = [_timed(lambda: model.predict(example)) for _ in range(300)]
    Path(folder, "predict_us").write_text(str(round(1e6 * sorted(calls)[150], 1)))
    served = Served("r1", model)
    kept = open(Path(folder, "events.jsonl"), "w")  # noqa: SIM115

    def append(events):
        kept.writelines(json.dumps(e, default=str) + "\n" for e in events)
        kept.flush()

    serve(
        lambda: served, append, contract=Contract((*numbers, *others)), answers=answers, name="bench", port=0,
        journal=Path(folder, "journal"), on_ready=lambda url: print(url, flush=True),
    )  # fmt: skip


def serve_policy(folder: str) -> None:
    """The learned policy of inventory, trained on its small configuration, through the lifecycle: what a user runs."""
    import threading
    from dataclasses import replace

    import ropewalk
    from ropewalk import api
    from ropewalk.lifecycle import answers, releases, stages
    from ropewalk.spine.serving.app import Served
    from ropewalk.spine.serving.server import serve

    store = os.environ["ROPEWALK_BENCH_STORE"]
    ropewalk.live("inventory", small=True, store=store, out=f"{folder}/out")
    with api.place("inventory", small=True, store=store) as p:
        release = releases.find(p.system, p.lane, None)
        model = stages.load_model(p.system, p.lane, release.model)
        model = replace(model, policy=model.learned)
        dataset = stages.data(p.system, p.config, p.lane)
        held = p.system.requests(p.config, dataset, model).requests
        Path(folder, "row.json").write_text(json.dumps(json.loads(held.tail(1).write_json())[0]))
        requests = __import__("ropewalk.spine.serving.requests", fromlist=["Requests"]).Requests(p.system.contract)
        one = requests.columns(requests.decode(Path(folder, "row.json").read_bytes())[0])
        calls = [_timed(lambda: model.predict(one)) for _ in range(300)]
        Path(folder, "predict_us").write_text(str(round(1e6 * sorted(calls)[150], 1)))
        served = Served(release.id, model)
        assert threading.current_thread() is threading.main_thread()
        serve(
            lambda: served, lambda batch: answers.append_events(p.system, p.lane, batch), contract=p.system.contract,
            answers=p.system.answers, name="bench", port=0, journal=Path(folder, "journal"),
            on_ready=lambda url: print(url, flush=True),
        )  # fmt: skip


def _timed(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def serve_anchor(folder: str) -> None:
    """What people write today: FastAPI, a pydantic body, a logistic regression of ten features in onnxruntime."""
    import numpy as np
    import onnxruntime
    import uvicorn
    from fastapi import FastAPI
    from pydantic import create_model
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(0).normal(size=(500, 10)).astype(np.float32)
    fitted = LogisticRegression().fit(x, x[:, 0] > 0)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = to_onnx(fitted, x[:1], options={"zipmap": False}).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    body = create_model("Row", **dict.fromkeys(TEN, (float, ...)))
    app = FastAPI()

    async def predict(row):
        values = np.array([list(row.model_dump().values())], dtype=np.float32)
        label, shares = session.run(None, {"X": values})
        return {"label": int(label[0]), "share": float(shares[0, 1])}

    predict.__annotations__["row"] = body
    app.post("/predict")(predict)
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, loop="uvloop", http="httptools"))
    server.run(sockets=[listening])


def load(port: int, row: dict, connections: int, seconds: float) -> list[float]:
    """Latencies in seconds of answers; every connection has one request out at a time. Raises on any other status."""
    body = json.dumps(row).encode()
    request = (
        b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    )
    request += body
    waiting = selectors.DefaultSelector()
    sent: dict[socket.socket, float] = {}
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting.register(one, selectors.EVENT_READ)
        sent[one] = time.perf_counter()
        one.sendall(request)
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in waiting.select(1.0):
            one = key.fileobj
            data = one.recv(65536)
            while b"\r\n\r\n" not in data or not data.endswith(b"}"):
                data += one.recv(65536)
            if not data.startswith(b"HTTP/1.1 200"):
                raise SystemExit(data.decode())
            now = time.perf_counter()
            latencies.append(now - sent[one])
            sent[one] = now
            one.sendall(request)
    for one in sent:
        one.close()
    return latencies


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads that live, in nanoseconds' resolution."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def measure(python: str, role: str, row: dict, seconds: float, connections: int = 16) -> dict[str, float]:
    """Starts the server in `python`, warms it, loads it, and stops it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen(
            [python, str(HERE), "--role", role, "--folder", folder], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(process.pid, {cores[0]})
            os.sched_setaffinity(0, {cores[-1]})
            port = int(process.stdout.readline().rpartition(":")[2])
            given = Path(folder, "row.json")
            row = json.loads(given.read_text()) if given.exists() else row
            load(port, row, connections, 1.0)
            costs, latencies, start = [], [], time.perf_counter()
            for _ in range(round(seconds)):
                before = cpu_seconds(process.pid)
                found = load(port, row, connections, 1.0)
                costs.append(1e6 * (cpu_seconds(process.pid) - before) / len(found))
                latencies += found
            took = time.perf_counter() - start
            latencies.sort()
            note = Path(folder, "predict_us")
            inside = float(note.read_text()) if note.exists() else float("nan")
        finally:
            process.terminate()
            process.wait(10)
            os.sched_setaffinity(0, set(cores))
    at = lambda share: 1e3 * latencies[int(share * (len(latencies) - 1))]  # noqa: E731
    return {
        "least_us": min(costs), "cpu_us": sorted(costs)[len(costs) // 2], "per_s": len(latencies) / took,
        "p50_ms": at(0.5), "p99_ms": at(0.99), "predict_us": inside,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--anchor-python", help="a python with fastapi and onnxruntime; without it the anchor is quoted"
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--role", choices=["ours", "policy", "anchor"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        return {"ours": serve_ours, "policy": serve_policy, "anchor": serve_anchor}[options.role](options.folder)
    os.environ["ROPEWALK_BENCH_STORE"] = tempfile.mkdtemp()
    print(f"{'':34}{'CPU us':>8}{'least':>7}{'in model':>10}{'req/s':>8}{'p50 ms':>8}{'p99 ms':>8}")
    best: dict[str, float] = {}
    for _ in range(options.rounds):
        for name, python, role, row in (
            ("ropewalk, learned policy, events", sys.executable, "policy", {}),
            ("ropewalk, small network, events", sys.executable, "ours", ROW),
            ("FastAPI + onnxruntime, 10 features", options.anchor_python, "anchor", TEN),
        ):
            if python is None:
                continue
            m = measure(python, role, row, options.seconds)
            best[role] = min(best.get(role, 1e9), m["least_us"])
            cost = f"{m['cpu_us']:8.0f}{m['least_us']:7.0f}{m['predict_us']:10.0f}"
            print(f"{name:34}{cost}{m['per_s']:8.0f}{m['p50_ms']:8.2f}{m['p99_ms']:8.2f}")
    anchor = best.get("anchor", ANCHOR_US)
    where = "in this run" if "anchor" in best else "quoted"
    for role, what in (("policy", "the learned policy"), ("ours", "a small network")):
        ratio = best[role] / anchor
        print(
            f"{what}: {best[role]:.0f} us of CPU a request, required 250; anchor {anchor:.0f} us ({where}); ratio {ratio:.2f}"
        )
    return None


if __name__ == "__main__":
    main()
