import browsing
import pytest
from page_engine import PageEngine

from cgrosim.classroom.page import write_page


@pytest.fixture(scope="session")
def page():
    pytest.importorskip("py_mini_racer", reason="mini-racer, the embedded JavaScript engine, is not installed")
    return PageEngine()


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("page") / "lesson.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = browsing.Browser(tmp_path_factory.mktemp("downloads"))
    yield found
    found.close()
