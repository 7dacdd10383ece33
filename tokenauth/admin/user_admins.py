"""The user admins that a site has registered get the user's sessions, whoever wrote them."""

from types import new_class

from django.contrib.admin import AdminSite, ModelAdmin, autodiscover
from django.contrib.admin.sites import all_sites
from django.contrib.auth import get_user_model
from django.db.models import Model

from tokenauth.admin.user_sessions import UserSessionsMixin


def extend_once_found() -> None:
    """Extend the site's user admins when every app's `admin` module was imported.

    Where Django's app comes after this one, that is brought forward; twice is as good as once.
    """
    autodiscover()
    extend()


def extend() -> None:
    """Put `UserSessionsMixin` before each user admin that lacks it, on every admin site."""
    for registered in left_out():
        _extend(registered.admin_site, registered.model, type(registered))


def left_out() -> list[ModelAdmin]:  # type: ignore[type-arg]
    """Return the user admins that show no sessions, of every admin site."""
    return [
        registered
        for site in list(all_sites)
        for model, registered in list(site._registry.items())
        if _is_a_user(model) and not isinstance(registered, UserSessionsMixin)
    ]


def _extend(site: AdminSite, model: type[Model], plain: type[ModelAdmin]) -> None:  # type: ignore[type-arg]
    names = {"__module__": plain.__module__, "__doc__": plain.__doc__}
    # new_class finds the metaclass that both need
    extended = new_class(
        plain.__name__, (UserSessionsMixin, plain), exec_body=lambda body: body.update(names)
    )
    site.unregister(model)
    site.register(model, extended)


def _is_a_user(model: type[Model]) -> bool:
    """Whether its rows are users: the user model, its proxies and its children."""
    user = get_user_model()
    return issubclass(model, user) or model._meta.concrete_model is user._meta.concrete_model
