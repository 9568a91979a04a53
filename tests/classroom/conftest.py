import pytest
from page_engine import PageEngine


@pytest.fixture(scope="session")
def page():
    pytest.importorskip("py_mini_racer", reason="mini-racer, the embedded JavaScript engine, is not installed")
    return PageEngine()
