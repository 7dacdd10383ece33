"""The URLs of the example site."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from project import events, views

urlpatterns = [
    path("", views.Index.as_view(), name="index"),
    path("auth/", include("tokenauth.api.urls")),
    path(".well-known/", include("tokenauth.api.wellknown")),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(), name="docs"),
    path("admin/", admin.site.urls),
    path("api/me/", views.Me.as_view(), name="me"),
    path("api/orders/", views.Orders.as_view(), name="orders"),
    path("events/", events.Events.as_view(), name="events"),
]
