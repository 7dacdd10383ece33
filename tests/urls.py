"""The URLs of the tests: the app as a site mounts it, and views that need a token."""

from django.contrib import admin
from django.urls import include, path

from tests import views

urlpatterns = [
    path("auth/", include("tokenauth.api.urls")),
    path(".well-known/", include("tokenauth.api.wellknown")),
    path("admin/", admin.site.urls),
    path("api/me/", views.Me.as_view()),
    path("api/orders/", views.Orders.as_view()),
]
