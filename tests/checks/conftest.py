"""What tests of checks may ask for."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def tokenauth(settings: Any) -> Callable[..., None]:
    """Change some of TOKENAUTH's settings."""

    def change(**changes: Any) -> None:
        settings.TOKENAUTH = {**settings.TOKENAUTH, **changes}

    return change
