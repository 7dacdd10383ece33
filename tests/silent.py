"""A server that takes a connection and then says nothing, as a host behind a broken balancer does."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server() -> Iterator[int]:
    """Its port on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def refusing_port() -> int:
    """A port on loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
