"""The example site's Celery application; it runs where CELERY_BROKER_URL is set."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def schedule_housekeeping(sender: Celery, **kwargs: object) -> None:
    """Every job of tokenauth at its own pace, for `celery beat`."""
    from tokenauth.tasks import beat_schedule  # noqa: PLC0415 - models: the apps have to be ready

    sender.conf.beat_schedule = beat_schedule()


app.on_after_finalize.connect(schedule_housekeeping)
