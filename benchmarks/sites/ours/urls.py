"""The endpoints, and the view that does nothing."""

from django.urls import include, path

from benchmarks.sites.views import urlpatterns as trivial

urlpatterns = [*trivial, path("auth/", include("tokenauth.api.urls"))]
