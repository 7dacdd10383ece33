"""django-import-export: users come in by files, and a change that a file makes ends tokens as any other."""

from typing import Any

import pytest
import tablib
from django.apps import apps
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import NoReverseMatch, reverse
from import_export.admin import ExportMixin, ImportMixin

from tests.factories import UserFactory
from tests.http import Http
from tests.sessions import BACKEND
from tests.sites.coexistence.admin import InBulk
from tokenauth.models import RevocationOrder, TokenFamily

ME = "/api/me/"
USERS = "/admin/auth/user/"


@pytest.fixture
def staff() -> Browser:
    browser = Browser()
    browser.force_login(UserFactory(username="root", is_superuser=True, is_staff=True), backend=BACKEND)
    return browser


def shown(staff: Browser, text: str) -> Any:
    """Upload a file; the admin shows what it would do."""
    file = SimpleUploadedFile("users.csv", text.encode(), content_type="text/csv")
    answer = staff.post(f"{USERS}import/", {"import_file": file, "format": "0"})
    assert answer.status_code == 200, answer.content
    assert not answer.context["result"].has_errors(), answer.context["result"].row_errors()
    return answer


def imported(staff: Browser, text: str) -> None:
    """Upload a file, and confirm what the admin shows of it."""
    confirmed = shown(staff, text).context["confirm_form"].initial
    answer = staff.post(f"{USERS}process_import/", {key: confirmed[key] for key in confirmed})
    assert answer.status_code == 302, answer.content


@pytest.mark.usefixtures("both_modes")
class TestAnImport:
    def test_that_disables_a_user_ends_his_tokens_and_no_others(self, http: Http, ada, web, staff):
        bob = UserFactory(username="bob", email="bob@example.test")
        own, others = http.log_in(ada, web), http.log_in(bob, web)

        imported(staff, f"username,email,is_active\nada,{ada.email},0\nbob,new@example.test,1\n")

        assert http.get(ME, bearer=own["access_token"]).status_code == 401
        assert http.refresh(own, web).status_code == 400
        assert http.get(ME, bearer=others["access_token"]).status_code == 200

    def test_that_sets_a_password_ends_the_tokens_of_the_old_one(self, http: Http, ada, web, staff):
        tokens = http.log_in(ada, web)

        imported(staff, f"username,email,is_active,new_password\nada,{ada.email},1,another battery\n")

        assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
        body = {"username": "ada", "password": "another battery", "client_id": "web"}
        assert http.post("/auth/login/", body).status_code == 200

    def test_that_is_only_looked_at_ends_nothing(self, http: Http, ada, web, staff):
        """The look is a real import, rolled back."""
        tokens = http.log_in(ada, web)

        shown(staff, f"username,email,is_active\nada,{ada.email},0\n")

        assert http.get(ME, bearer=tokens["access_token"]).status_code == 200
        assert not RevocationOrder.objects.exists()

    def test_that_changes_nothing_of_it_ends_nothing(self, http: Http, ada, web, staff):
        tokens = http.log_in(ada, web)

        imported(staff, "username,email,is_active\nada,moved@example.test,1\n")

        ada.refresh_from_db()
        assert ada.email == "moved@example.test"
        assert http.refresh(tokens, web).status_code == 200


@pytest.mark.usefixtures("triggers")
def test_an_import_in_bulk_is_seen_by_the_trigger(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    rows = tablib.Dataset(("ada", ada.email, "0"), headers=["username", "email", "is_active"])

    result = InBulk().import_data(rows, raise_errors=True)

    assert result.totals["update"] == 1
    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401


def test_an_export_of_users_holds_no_hash(http: Http, ada, web, staff):
    http.log_in(ada, web)

    fields = {f"userresource_{name}": "on" for name in ("username", "email", "is_active")}
    answer = staff.post(f"{USERS}export/", {"format": "0", "resource": "", **fields})

    text = answer.content.decode()
    assert (answer["Content-Type"], text.splitlines()[0]) == ("text/csv", "username,email,is_active")
    assert f"ada,{ada.email},1" in text
    assert ada.password not in text


def test_nothing_of_ours_goes_in_or_out_by_files(staff, http: Http, ada, web):
    http.log_in(ada, web)
    ours = [
        model for model in apps.get_app_config("tokenauth").get_models() if admin.site.is_registered(model)
    ]

    assert TokenFamily in ours
    for model in ours:
        page = staff.get(reverse(f"admin:tokenauth_{model._meta.model_name}_changelist"))
        assert page.status_code == 200
        assert b"import/" not in page.content
        assert b"export/" not in page.content
        assert not isinstance(admin.site.get_model_admin(model), (ImportMixin, ExportMixin))
        for deed in ("import", "export"):
            with pytest.raises(NoReverseMatch):
                reverse(f"admin:tokenauth_{model._meta.model_name}_{deed}")
