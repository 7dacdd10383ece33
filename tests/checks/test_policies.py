"""The policies that the settings make."""

import pytest

from tests.checks.found import ids
from tokenauth.checks import policies as checks


def test_the_built_in_policies_hold_together():
    assert checks.policies_hold_together() == []


@pytest.mark.parametrize("policy", [{"grace": "x"}, {"base": "nonsense"}, {"nonsense": 1}])
def test_e003_a_policy_that_cannot_be(tokenauth, policy):
    tokenauth(POLICIES={"mine": policy})

    assert ids(checks.policies_hold_together()) == ["E003"]


def test_e003_a_default_policy_that_is_none(tokenauth):
    tokenauth(DEFAULT_POLICY="nonsense")

    assert ids(checks.policies_hold_together()) == ["E003"]


def test_e004_no_grace_without_exact(tokenauth):
    tokenauth(POLICIES={"browser": {"grace": 0}})

    assert ids(checks.policies_hold_together()) == ["E004"]


def test_e005_a_proof_that_nobody_can_give(tokenauth):
    tokenauth(DEFAULT_POLICY="high-security")

    assert ids(checks.policies_hold_together()) == ["E005"]
