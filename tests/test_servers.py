"""The servers that tests use start although a neighbour takes a port between the look and the start."""

import socket

import pytest

import servers


@pytest.mark.parametrize(("server", "client", "count"), [(servers.s3, "obstore", 8), (servers.postgres, "psycopg", 1)])
def test_a_server_whose_port_is_taken_starts_on_others(server, client, count, monkeypatch):
    free_ports, given = servers.free_ports, []
    pytest.importorskip(client)
    with socket.socket() as neighbour:
        neighbour.bind(("127.0.0.1", 0))
        taken = neighbour.getsockname()[1]

        def ports(count):
            given.append([taken, *free_ports(count - 1)] if not given else free_ports(count))
            return given[-1]

        monkeypatch.setattr(servers, "free_ports", ports)
        try:
            with server() as running:
                url = running["AWS_ENDPOINT_URL"] if server is servers.s3 else running.url()
        except servers.Absent as absent:
            pytest.skip(str(absent))
    assert [len(ports) for ports in given] == [count, count]
    assert f":{given[1][0]}" in url
