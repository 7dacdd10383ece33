"""Where tokenauth's class stands among the site's."""

import pytest

from tests.checks.found import ids
from tokenauth.checks import authentication as checks

SESSIONS = "rest_framework.authentication.SessionAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"
OURS = "tokenauth.api.authentication.TokenAuthentication"


@pytest.mark.parametrize(
    ("classes", "mended"),
    [
        ([SESSIONS, OURS], [OURS, SESSIONS]),
        ([BASIC, SESSIONS, OURS], [OURS, BASIC, SESSIONS]),
        ([OURS, SESSIONS], None),
        ([OURS], None),
        ([SESSIONS, BASIC], None),
        ([], None),
        (["nowhere.to.be.Found", OURS], None),
    ],
)
def test_w006_another_class_gives_the_challenge(settings, classes, mended):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}

    found = checks.expired_tokens_are_401()

    assert ids(found) == (["W006"] if mended else [])
    assert [message.hint.partition(" See ")[0] for message in found] == (
        [f"Set it to {mended!r}."] if mended else []
    )
