"""The servers that tests use start although a neighbour takes a port between the look and the start."""

import pytest

import servers


def port_of(running):
    return int(running["AWS_ENDPOINT_URL"].rpartition(":")[2]) if isinstance(running, dict) else running.port


@pytest.mark.parametrize(
    ("server", "client", "count"),
    [(servers.s3, "obstore", 8), (servers.postgres, "psycopg", 1)],
    ids=["s3", "postgres"],
)
def test_a_server_whose_port_another_of_its_kind_took_starts_on_others(server, client, count, monkeypatch):
    pytest.importorskip(client)
    free_ports, given = servers.free_ports, []
    try:
        with server() as neighbour:

            def ports(wanted):
                given.append(free_ports(wanted) if given else [port_of(neighbour), *free_ports(wanted - 1)])
                return given[-1]

            monkeypatch.setattr(servers, "free_ports", ports)
            with server() as running:
                assert port_of(running) == given[1][0]
    except servers.Absent as absent:
        pytest.skip(str(absent))
    assert [len(ports) for ports in given] == [count, count]
