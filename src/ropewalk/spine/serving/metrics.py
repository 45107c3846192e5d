"""What a service counts, for Prometheus. One registry an app, so that two apps in a process do not mix."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

Number = Callable[[], float]
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counted on the path of every request: the children of a label are looked up once and kept."""

    def __init__(self, pending: Number, written: Number, failures: Number, trouble: Number) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "ropewalk_requests", "Requests to /predict by HTTP status", ["status"], registry=self.registry
        )
        self._by_status: dict[int, Counter] = {}
        self._counts = {"requests": 0, "errors": 0}  # since they were last taken
        self._seconds = Histogram(
            "ropewalk_request_seconds", "From a request to its answer", buckets=_BUCKETS, registry=self.registry
        )
        self.rows = Counter("ropewalk_rows", "Rows answered", registry=self.registry)
        self.out_of_range = Counter(
            "ropewalk_out_of_range_requests",
            "Requests refused because a row breaks the contract",
            registry=self.registry,
        )
        self.take_overs = Counter("ropewalk_take_overs", "Releases taken over while serving", registry=self.registry)
        self.poll_failures = Counter(
            "ropewalk_release_poll_failures", "Looks for a new live release that failed", registry=self.registry
        )
        self._release = Gauge(
            "ropewalk_release_info", "1 for the release that answers", ["release", "state"], registry=self.registry
        )
        self._gauge("ropewalk_events_pending", "Events answered and not yet in the store", pending)
        self._gauge("ropewalk_events_written", "Events handed to the store by this process", written)
        self._gauge("ropewalk_events_failing", "Hand-overs of events that failed in a row", failures)
        self._gauge(
            "ropewalk_state_trouble", "1 while live state cannot be read and answers come from an old one", trouble
        )

    def _gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        Gauge(name, about, registry=self.registry).set_function(value)

    def answered(self, status: int, seconds: float) -> None:
        child = self._by_status.get(status)
        if child is None:
            child = self._by_status[status] = self._requests.labels(str(status))
        child.inc()
        self._counts["requests"] += 1
        self._counts["errors"] += status >= 500
        self._seconds.observe(seconds)

    def take_counts(self) -> dict[str, int]:
        """Requests and the service's own failures (5xx) since the last call: what monitoring adds up."""
        taken, self._counts = self._counts, {"requests": 0, "errors": 0}
        return taken

    def serves(self, release: str, state: str) -> None:
        self._release.clear()
        self._release.labels(release, state).set(1)

    def text(self) -> bytes:
        return generate_latest(self.registry)
