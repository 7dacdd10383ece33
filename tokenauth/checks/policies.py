"""E003 to E005: the policies that the settings make."""

from collections.abc import Sequence

from django.core.checks import CheckMessage, Tags, register
from django.core.exceptions import ImproperlyConfigured

from tokenauth import conf
from tokenauth.checks.asked import readable
from tokenauth.checks.findings import error
from tokenauth.errors import UnknownPolicy
from tokenauth.policy import builtin
from tokenauth.policy.builtin import Policy


@register(Tags.security)
def policies_hold_together(**kwargs: object) -> list[CheckMessage]:
    """E003 to E005: overrides that cannot be, W = 0 without exact, a proof that nobody can give yet."""
    if not readable():
        return []
    found: list[CheckMessage] = []
    for name in sorted({*builtin.all_names(), conf.current().DEFAULT_POLICY}):
        try:
            found += _of_policy(builtin.named(name))
        except (ImproperlyConfigured, UnknownPolicy) as wrong:
            mend = "`base` names a built-in policy; the other keys are those of docs/reference/settings.md."
            found.append(error("E003", f"The policy {name!r} cannot be: {wrong}", mend=mend))
    return found


def _of_policy(policy: Policy) -> Sequence[CheckMessage]:
    if policy.grace == 0 and policy.repeat != "exact":
        text = f"The policy {policy.name!r} has no grace window and does not ask for Idempotency-Keys."
        mend = "Set 'repeat' to 'exact', or 'grace' to some seconds: else each lost answer makes a sibling."
        return [error("E004", text, mend=mend)]
    if policy.proof == "required" and policy.name in _used_policies():
        text = f"The policy {policy.name!r} requires a proof key, which nobody can present yet."
        return [error("E005", text, mend="Use another policy until this version of tokenauth checks proofs.")]
    return []


def _used_policies() -> set[str]:
    # what the settings choose; a client that names it is refused at login
    return {conf.current().DEFAULT_POLICY, *conf.current().POLICIES}
