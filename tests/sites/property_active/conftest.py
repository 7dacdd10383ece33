"""An operator without Django's permissions."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser


@pytest.fixture
def operator(transactional_db: None) -> Browser:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_user("root@example.test", "secret", is_staff=True))
    return browser
