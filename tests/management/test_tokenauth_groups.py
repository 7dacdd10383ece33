"""The three groups of the admin: made once, mended ever after, a site's additions left alone."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


def held():
    return {
        group.name: set(group.permissions.values_list("content_type__app_label", "codename"))
        for group in Group.objects.all()
    }


def test_the_second_run_changes_nothing():
    call_command("tokenauth_groups")
    first = held()

    call_command("tokenauth_groups")

    assert held() == first
    assert set(first) == {"tokenauth support", "tokenauth security", "tokenauth auditor"}


def test_an_auditor_only_looks_and_support_also_revokes():
    call_command("tokenauth_groups")

    groups = held()
    beyond_looking = {
        name: {codename for _app, codename in permissions if not codename.startswith("view_")}
        for name, permissions in groups.items()
    }
    assert beyond_looking["tokenauth auditor"] == set()
    assert beyond_looking["tokenauth support"] == {"revoke"}
    assert {"revoke", "change_client", "change_site", "change_keyrecord"} <= beyond_looking[
        "tokenauth security"
    ]


def test_a_run_mends_ours_and_leaves_a_sites_own():
    call_command("tokenauth_groups")
    before = held()
    auditor = Group.objects.get(name="tokenauth auditor")
    auditor.permissions.add(
        Permission.objects.get(codename="revoke"), Permission.objects.get(codename="view_group")
    )

    call_command("tokenauth_groups")

    assert held()["tokenauth auditor"] == before["tokenauth auditor"] | {("auth", "view_group")}


def test_without_permissions_it_says_what_is_missing():
    Permission.objects.filter(codename="revoke").delete()

    with pytest.raises(CommandError, match="migrate"):
        call_command("tokenauth_groups")
