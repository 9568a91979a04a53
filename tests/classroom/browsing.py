"""A real Chromium for the tests of the page, without a network, driven by Selenium."""

import shutil
import time
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_SECONDS = 60.0


def missing():
    """Why the page cannot be driven here; empty where it can."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    if not any(map(shutil.which, PROGRAMS)):
        return f"no browser is installed (looked for {', '.join(PROGRAMS)})"
    return "" if shutil.which("chromedriver") else "chromedriver is not installed"


class Browser:
    """One headless window with the network off."""

    def __init__(self, downloads):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = next(filter(None, map(shutil.which, PROGRAMS)))
        for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.downloads = Path(downloads)
        self.command("Network.enable")
        self.command(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )
        self.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        self.size(1280, 720)

    def command(self, name, **values):
        """A command of the developer tools."""
        return self.driver.execute_cdp_cmd(name, values)

    def size(self, width, height):
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def prefer(self, **features):
        """Preferences of the user, such as prefers_color_scheme="dark"."""
        self.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()],
        )

    def open(self, path, fragment="", query=""):
        """Load a page from disk and wait until its run is there."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(f"{Path(path).as_uri()}{query}{'#' if fragment else ''}{fragment}")
        self.settle()

    def run(self, script, *values):
        return self.driver.execute_script(script, *values)

    def wait(self, condition):
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"still not: {condition}"
            time.sleep(0.02)

    def settle(self):
        """Wait until nothing is being computed and the address is written."""
        self.wait("document.documentElement.dataset.busy === 'no'")
        self.wait("addressOf(view.state) === location.hash.slice(1)")

    def press(self, keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def complaints(self):
        """What stands in the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def close(self):
        self.driver.quit()
