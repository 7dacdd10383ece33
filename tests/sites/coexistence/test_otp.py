"""A second step by a real device of django-otp."""

import time
from typing import Any

from django.core import mail
from django_otp.oath import TOTP
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.factories import PASSWORD
from tests.http import LOGIN, REVOKE, Http
from tests.sessions import claims_of

CONTINUE = "/auth/login/continue/"
ME = "/api/me/"
NAME_AND_PASSWORD = {"username": "ada", "password": PASSWORD, "client_id": "web"}


def code_of(device: TOTPDevice) -> str:
    """What the authenticator shows now."""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = time.time()
    return f"{totp.token():06d}"


def wrong_code_of(device: TOTPDevice) -> str:
    """A code that the device shows neither now nor just before or after."""
    return f"{(int(code_of(device)) + 500_000) % 1_000_000:06d}"


def challenged(http: Http) -> dict[str, Any]:
    answer = http.post(LOGIN, NAME_AND_PASSWORD)
    assert (answer.status_code, answer.json()["error"]) == (401, "interaction_required")
    return {"challenge": answer.json()["challenge"], "methods": answer.json()["methods"]}


def respond(http: Http, challenge: str, response: str, method: str = "otp_totp") -> Any:
    body = {"challenge": challenge, "method": method, "response": response, "client_id": "web"}
    return http.post(CONTINUE, body)


def test_who_has_no_device_logs_in_by_password(http: Http, ada, web):
    assert http.post(LOGIN, NAME_AND_PASSWORD).status_code == 200


def test_a_device_that_was_never_confirmed_asks_for_nothing(http: Http, phone, web):
    TOTPDevice.objects.update(confirmed=False)

    assert http.post(LOGIN, NAME_AND_PASSWORD).status_code == 200


def test_password_and_code_make_a_session_that_refreshes_and_is_revoked(http: Http, phone, web):
    step = challenged(http)
    assert step["methods"] == ["otp_totp"]

    tokens = respond(http, step["challenge"], code_of(phone)).json()

    assert claims_of(tokens["access_token"]).amr == ("pwd", "otp_totp")
    tokens = http.refresh(tokens, web).json()
    assert http.get(ME, bearer=tokens["access_token"]).status_code == 200
    http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})
    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401


def test_a_code_is_good_for_one_login(http: Http, phone, web, clock):
    first, second = challenged(http), challenged(http)
    code = code_of(phone)

    assert respond(http, first["challenge"], code).status_code == 200
    assert respond(http, second["challenge"], code).status_code == 400


def test_after_five_wrong_codes_the_right_one_opens_nothing(http: Http, phone, web, clock, settings):
    settings.AXES_FAILURE_LIMIT = 10
    step = challenged(http)
    for tries in range(5):
        wrong = respond(http, step["challenge"], wrong_code_of(phone))
        assert (wrong.status_code, wrong.json()["error"], wrong.json()["reauthenticate"]) == (
            400,
            "invalid_grant",
            True,
        )
        clock.shift(2**tries)  # the device's own delay: 1, 2, 4, 8, 16 s

    answer = respond(http, step["challenge"], code_of(phone))

    assert answer.json() == wrong.json()
    assert respond(http, challenged(http)["challenge"], code_of(phone)).status_code == 200


def test_the_devices_own_delay_counts_although_the_answer_is_a_refusal(http: Http, phone, web, clock):
    step = challenged(http)
    respond(http, step["challenge"], wrong_code_of(phone))

    at_once = respond(http, step["challenge"], code_of(phone))
    clock.shift(2)
    later = respond(http, step["challenge"], code_of(phone))

    assert (at_once.status_code, later.status_code) == (400, 200)


def test_a_backup_code_opens_where_the_authenticator_is_not_at_hand(http: Http, ada, phone, web):
    paper = StaticDevice.objects.create(user=ada, name="paper")
    paper.token_set.create(token="kptqz3ua")
    step = challenged(http)

    answer = respond(http, step["challenge"], "kptqz3ua", method="otp_static")

    assert step["methods"] == ["otp_static", "otp_totp"]
    assert answer.status_code == 200
    assert respond(http, challenged(http)["challenge"], "kptqz3ua", method="otp_static").status_code == 400


def test_a_user_whose_only_device_is_his_mail_is_sent_a_code(http: Http, ada, web):
    EmailDevice.objects.create(user=ada, name="mail", email=ada.email)
    step = challenged(http)
    code = str(mail.outbox[0].body).strip()

    answer = respond(http, step["challenge"], code, method="otp_email")

    assert (step["methods"], mail.outbox[0].to, len(mail.outbox)) == (["otp_email"], [ada.email], 1)
    assert answer.status_code == 200


def test_no_code_is_sent_to_whom_has_it_at_hand(http: Http, ada, phone, web):
    EmailDevice.objects.create(user=ada, name="mail", email=ada.email)

    assert challenged(http)["methods"] == ["otp_totp"]
    assert mail.outbox == []


def test_a_backup_code_is_none_of_the_authenticators(http: Http, ada, phone, web):
    StaticDevice.objects.create(user=ada, name="paper").token_set.create(token="kptqz3ua")

    assert respond(http, challenged(http)["challenge"], "kptqz3ua").status_code == 400


def test_a_user_disabled_between_the_steps_gets_nothing(http: Http, ada, phone, web):
    step = challenged(http)
    ada.is_active = False
    ada.save()

    assert respond(http, step["challenge"], code_of(phone)).status_code == 400


def test_the_password_changed_between_the_steps_ends_the_challenge(http: Http, ada, phone, web):
    step = challenged(http)
    ada.set_password("another")
    ada.save()

    assert respond(http, step["challenge"], code_of(phone)).status_code == 400
