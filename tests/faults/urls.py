"""The example site's URLs, and those that the fault suite calls."""

from django.urls import path

from project.urls import urlpatterns as example
from tests.faults import views

urlpatterns = [
    *example,
    path("faults/check/", views.Check.as_view()),
    path("faults/burn/", views.burn),
]
