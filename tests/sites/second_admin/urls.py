"""The URLs of the site: its operators' admin beside Django's."""

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.urls import path

from tests import urls
from tokenauth.admin import UserSessionsMixin
from tokenauth.models import TokenFamily

operators = admin.AdminSite(name="operators")
for model in apps.get_app_config("tokenauth").get_models():
    if admin.site.is_registered(model):
        operators.register(model, type(admin.site.get_model_admin(model)))


class OperatorsUserAdmin(UserSessionsMixin, UserAdmin):
    """Registered when the URLs are read, after the site has started: it says itself what it shows."""


operators.register(get_user_model(), OperatorsUserAdmin)

#: Sees sessions, and neither their devices, clients and events nor their users.
narrow = admin.AdminSite(name="narrow")
narrow.register(TokenFamily, type(admin.site.get_model_admin(TokenFamily)))

urlpatterns = [*urls.urlpatterns, path("operators/", operators.urls), path("narrow/", narrow.urls)]
