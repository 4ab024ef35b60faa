"""The files under test are loaded without Home Assistant."""

from tests import bare

bare.load()

import pytest  # noqa: E402 (beside the other)

from p1meter.meter.form import forms_of  # noqa: E402 (there is no such module before it is loaded)


@pytest.fixture(autouse=True)
def no_forms() -> None:
    """Let no test find forms that another one made known."""
    forms_of.cache_clear()
