"""The demo: users, clients and the story that `make demo` tells."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "project.demo"
    label = "demo"
