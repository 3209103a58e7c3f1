"""Both ways of asking."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(params=["aiohttp", "requests"])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Many requests at a time, or one."""
    return {"async": request.param == "aiohttp"}
