"""The URLs of the site: its operators' admin beside Django's."""

from django.apps import apps
from django.contrib import admin
from django.urls import path

from tests import urls

operators = admin.AdminSite(name="operators")
for model in apps.get_app_config("tokenauth").get_models():
    if admin.site.is_registered(model):
        operators.register(model, type(admin.site.get_model_admin(model)))

urlpatterns = [*urls.urlpatterns, path("operators/", operators.urls)]
