"""The site under test: the live tests' own, with clocks that move and views that time each decision."""

import os

from tests.faults import skew

skew.install()  # `facts`, which it has loaded, keeps the true clock

from tests.live_settings import *  # noqa: E402, F403 - the app must meet the moved clocks
from tests.live_settings import MIDDLEWARE, TOKENAUTH  # noqa: E402

ROOT_URLCONF = "tests.faults.urls"
MIDDLEWARE = ["tests.faults.views.says_when_it_was_decided", *MIDDLEWARE]
#: Policy whose access tokens end within a round.
BRIEF = "brief"
TOKENAUTH = {
    **TOKENAUTH,
    "STALENESS_BOUND": float(os.environ.get("FAULTS_BOUND") or 1),
    "FAMILIES_PER_USER": 1_000_000,  # the crowd logs in without end
    "POLICIES": {**TOKENAUTH["POLICIES"], BRIEF: {"access": 10}},
}
if os.environ.get("FAULTS_BY_REDIS"):
    TOKENAUTH["REDIS_ALIAS"] = "default"
