"""What the tests of the guarantees share."""

import random

import pytest

from tests.live import live_site
from tests.mails import mails

__all__ = ["live_site", "mails"]


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be played again: a test that fails shows its seed."""
    seed = random.randrange(2**32)
    print(f"seed: {seed}")
    return random.Random(seed)
