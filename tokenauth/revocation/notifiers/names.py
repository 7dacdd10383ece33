"""What things are called in Redis and on a channel: the same in every process and service of a site."""

import hashlib

#: Where a site names nothing else.
DEFAULT = "default"


def stream(namespace: str) -> str:
    """The stream of numbered orders; an entry's id is `<number>-0`."""
    # the braces: one slot of a cluster holds all keys of a namespace
    return f"tokenauth:{{plane:{namespace}}}:orders"


def beat(namespace: str) -> str:
    """The hash that says up to which number a process had followed, and when."""
    return f"tokenauth:{{plane:{namespace}}}:beat"


def snapshot(namespace: str) -> str:
    """The head of the packed orders; `:<place>:<chunk>` below it holds them."""
    return f"tokenauth:{{plane:{namespace}}}:snapshot"


def channel(namespace: str) -> str:
    """The channel of NOTIFY: a name that needs no quotes, and no other app's."""
    return f"tokenauth_{hashlib.sha256(namespace.encode()).hexdigest()[:16]}"
