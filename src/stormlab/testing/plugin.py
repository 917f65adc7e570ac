"""The pytest plug-in: a fixture ``assert_recovers``, and nothing that makes a session without it slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


@pytest.fixture(scope="session")
def assert_recovers() -> Callable[..., Any]:
    """:func:`stormlab.testing.assertions.assert_recovers`, without an import in the test."""
    from stormlab.testing import assertions

    return assertions.assert_recovers
