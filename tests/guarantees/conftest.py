"""What the tests of the guarantees share."""

import random

import pytest

from tests.live import live_site
from tests.mails import mails
from tests.mirrors import boot_clock, polling, silent_database

__all__ = ["boot_clock", "live_site", "mails", "polling", "silent_database"]


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be played again: a test that fails shows its seed."""
    seed = random.randrange(2**32)
    print(f"seed: {seed}")
    return random.Random(seed)
