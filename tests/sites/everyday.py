"""What holds on every site, whoever its users are: the tests of a site take these classes in."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connections
from django.urls import reverse

from tests.http import DEVICES, REVOKE, SESSIONS, Http
from tokenauth.models import TokenFamily, users
from tokenauth.models.upgrade import PasswordUpgrade

ME = "/api/me/"
#: Marks of re-encoded passwords carry ends of hashes: they are nobody's to look at.
HIDDEN = {PasswordUpgrade}


def is_alive(http: Http, tokens: dict[str, Any]) -> bool:
    """Whether the access token opens a view."""
    return bool(http.get(ME, bearer=tokens["access_token"]).status_code == 200)


def is_over(http: Http, tokens: dict[str, Any], web: Any) -> bool:
    """Whether neither token of a session is worth anything."""
    refused = http.refresh(tokens, web)
    assert refused.status_code == 200 or refused.json()["error"] == "invalid_grant", refused.content
    return not is_alive(http, tokens) and refused.status_code == 400


class Endpoints:
    """A client's day."""

    def test_a_login_is_this_users(self, http: Http, ada, web):
        tokens = http.log_in(ada, web)

        answer = http.get(ME, bearer=tokens["access_token"])

        assert str(answer.json()["user"]) == str(ada.pk)

    def test_a_refresh_is_answered_and_its_parent_is_not_needed_again(self, http: Http, ada, web):
        first = http.log_in(ada, web)

        second = http.refresh(first, web).json()
        third = http.refresh(second, web).json()

        assert len({each["refresh_token"] for each in (first, second, third)}) == 3
        assert is_alive(http, third)

    def test_an_older_generation_is_theft_and_ends_the_family(self, http: Http, ada, web):
        stolen = http.log_in(ada, web)
        newest = http.refresh(http.refresh(stolen, web).json(), web).json()

        assert http.refresh(stolen, web).status_code == 400
        assert is_over(http, newest, web)

    def test_own_sessions_are_listed_and_ended(self, http: Http, ada, web):
        other, own = http.log_in(ada, web), http.log_in(ada, web)

        listed = http.get(SESSIONS, bearer=own["access_token"]).json()["results"]
        ended = http.delete(f"{SESSIONS}{other['session_id']}/", bearer=own["access_token"])

        assert {each["id"] for each in listed} == {other["session_id"], own["session_id"]}
        assert ended.status_code == 204
        assert is_over(http, other, web)
        assert is_alive(http, own)

    def test_all_others_end_and_the_own_one_goes_on(self, http: Http, ada, web):
        other, own = http.log_in(ada, web), http.log_in(ada, web)

        answer = http.post(f"{SESSIONS}revoke-others/", bearer=own["access_token"])

        assert answer.status_code in (200, 204)
        assert is_over(http, other, web)
        assert is_alive(http, http.refresh(own, web).json())

    def test_a_lost_device_and_what_is_handed_back_are_over(self, http: Http, ada, web):
        lost, own = (http.log_in(ada, web, device={"id": name}) for name in ("lost", "own"))

        http.post(f"{DEVICES}{lost['device_id']}/revoke/", {"reason": "lost"}, bearer=own["access_token"])
        http.form(REVOKE, {"token": own["refresh_token"], "client_id": "web"})

        assert is_over(http, lost, web)
        assert is_over(http, own, web)


def saved_password(user: Any) -> None:
    user.set_password("another one")
    user.save()


def updated_password(user: Any) -> None:
    user.set_password("another one")
    rows(user).update(password=user.password)


def executed_password(user: Any) -> None:
    model = get_user_model()
    connection = connections[users.database()]
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(model._meta.db_table)} SET password = %s "
            f"WHERE {quote(str(model._meta.pk.column))} = %s",
            ["md5$salt$another", model._meta.pk.get_db_prep_value(user.pk, connection)],
        )


def deleted(user: Any) -> None:
    user.delete()


def rows(user: Any) -> Any:
    return get_user_model()._base_manager.using(users.database()).filter(pk=user.pk)


#: What signals see too.
SEEN_BY_SIGNALS = [saved_password, deleted]
#: What a trigger alone sees.
SEEN_BY_TRIGGERS = [updated_password, executed_password]


class ChangesSeenBySignals:
    """However an account is changed in the ORM one row at a time, its tokens end."""

    @pytest.mark.parametrize("change", SEEN_BY_SIGNALS)
    def test_a_changed_account_has_no_tokens(self, http: Http, ada, web, change):
        tokens = http.log_in(ada, web)
        assert is_alive(http, tokens)

        change(get_user_model()._base_manager.using(users.database()).get(pk=ada.pk))

        assert is_over(http, tokens, web)

    def test_a_saved_account_that_did_not_change_keeps_them(self, http: Http, ada, web):
        tokens = http.log_in(ada, web)

        get_user_model()._base_manager.using(users.database()).get(pk=ada.pk).save()

        assert is_alive(http, tokens)
        assert http.refresh(tokens, web).status_code == 200


@pytest.mark.usefixtures("triggers")
class ChangesSeenByTriggers(ChangesSeenBySignals):
    """And by whatever writes the row."""

    @pytest.mark.parametrize("change", SEEN_BY_TRIGGERS)
    def test_a_row_that_was_changed_otherwise_has_no_tokens(self, http: Http, ada, web, change):
        tokens = http.log_in(ada, web)

        change(get_user_model()._base_manager.using(users.database()).get(pk=ada.pk))

        assert is_over(http, tokens, web)


class Admin:
    """An operator's day. `operator` is a browser that is logged in, `site` its admin's name."""

    site = "admin"

    def page(self, model: Any, name: str = "changelist", *args: Any) -> str:
        address = f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}"
        return reverse(address, args=args, current_app=self.site)

    def test_every_list_and_every_rows_page_opens(self, http: Http, ada, web, operator):
        http.log_in(ada, web)
        opened = 0

        for model in apps.get_app_config("tokenauth").get_models():
            if model in HIDDEN:
                continue
            assert operator.get(self.page(model), {"q": ada.get_username()}).status_code == 200
            if (row := model._default_manager.first()) is not None:
                assert operator.get(self.page(model, "change", row.pk)).status_code == 200
                opened += 1

        assert opened >= 6  # family, client, device, event, detail, key

    def test_a_session_is_found_by_its_users_name_and_revoked(self, http: Http, ada, web, operator):
        tokens = http.log_in(ada, web)
        lists = self.page(TokenFamily)
        assert tokens["session_id"] in operator.get(lists, {"q": ada.get_username()}).content.decode()
        form = {"action": "revoke_sessions", "_selected_action": [tokens["session_id"]]}

        assert operator.post(lists, form).status_code == 200  # it asks why
        assert is_alive(http, tokens)
        assert operator.post(lists, {**form, "reason": "stolen"}).status_code == 302

        assert is_over(http, tokens, web)
