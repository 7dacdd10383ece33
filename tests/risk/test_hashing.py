"""Slots for password hashes."""

import os
import threading

import pytest

from tokenauth.risk import hashing


@pytest.fixture
def one_slot(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "HASHES_AT_ONCE": 1}


def test_who_finds_no_slot_is_told_so(one_slot):
    with hashing.slot() as first, hashing.slot() as second:
        assert (first, second) == (True, False)

    with hashing.slot() as again:
        assert again


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_forked_while_a_hash_was_computed_has_its_slots(one_slot):
    held, release = threading.Event(), threading.Event()

    def hold():
        with hashing.slot():
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        with hashing.slot() as got_one:
            os._exit(0 if got_one else 1)
    status = os.waitpid(child, 0)[1]
    release.set()
    holder.join()

    assert os.waitstatus_to_exitcode(status) == 0
