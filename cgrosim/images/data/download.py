"""Checksummed downloads into the user's cache, tried at one mirror after the other."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Final

from cgrosim.errors import FileError
from cgrosim.files.words import shown
from cgrosim.images.data.known_files import (
    CIFAR_ARCHIVE,
    CIFAR_ARCHIVE_LARGEST,
    CIFAR_ARCHIVE_MD5,
    CIFAR_MIRROR,
    IDX_SOURCES,
    IdxName,
)
from cgrosim.progress import Progress

TIMEOUT: Final = 30.0  # seconds without an answer or without a further byte
CHUNK: Final = 1 << 16
REMEDY: Final = "give --data-dir, or set CGROSIM_DATA, with a folder that holds the files"


def download_idx(name: IdxName, progress: Progress | None = None) -> tuple[Path, ...]:
    """Return the four files of a data set in the user's cache, downloading what is missing or damaged there.

    Raises
    ------
    FileError
        If there is no connection, no mirror has the published file, or the cache cannot be written.
    """
    source = IDX_SOURCES[name]
    return tuple(
        fetch(
            source.title,
            name,
            f"{file.stem}.gz",
            source.mirrors,
            f"sha256:{file.archive_sha256}",
            progress,
            largest=file.archive_size,
        )
        for file in source.files
    )


def download_cifar(progress: Progress | None = None) -> Path:
    """Return the archive of CIFAR-10 in the user's cache, downloading it if it is missing or damaged there.

    Raises
    ------
    FileError
        As `download_idx`.
    """
    checksum = f"md5:{CIFAR_ARCHIVE_MD5}"
    mirrors = (CIFAR_MIRROR,)
    return fetch("CIFAR-10", "cifar-10", CIFAR_ARCHIVE, mirrors, checksum, progress, largest=CIFAR_ARCHIVE_LARGEST)


def cache_folder() -> Path:
    """The folder of downloads: `cgrosim` in the user's cache (on Linux below XDG_CACHE_HOME or ~/.cache)."""
    import pooch

    return Path(pooch.os_cache("cgrosim"))


def fetch(
    title: str,
    folder: str,
    file: str,
    mirrors: tuple[str, ...],
    checksum: str,
    progress: Progress | None = None,
    *,
    largest: int,
) -> Path:
    """Return a file of the cache whose checksum is right; download it from the first mirror that has it.

    Parameters
    ----------
    title : the data set's name in messages
    folder : below the cache
    mirrors : addresses that end in a slash
    checksum : with its method, such as "sha256:..."
    progress : called with the file's name and the share that has arrived
    largest : bytes beyond which it cannot be the file, and the download is broken off

    Raises
    ------
    FileError
        If there is no connection, no mirror has a file with this checksum, or the cache cannot be written.
    """
    import pooch

    target = cache_folder() / folder
    reasons = []
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)  # the sentences here say it all
    try:
        for mirror in mirrors:
            asked = _Download(mirror, file, largest, progress)
            try:
                return Path(pooch.retrieve(mirror + file, checksum, file, target, downloader=asked))
            except _Failed as error:
                reasons.append(str(error))
            except ValueError:
                reasons.append(f"what {asked.server} sends does not have the published checksum")
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise FileError(
                    f"the cache {shown(target)} cannot be written ({reason}); make room there, or {REMEDY}."
                ) from None
    finally:
        logger.setLevel(level)
    raise FileError(f"{title} cannot be downloaded ({file}: {', '.join(reasons)}); {REMEDY}.")


class _Failed(Exception):
    """What went wrong at one mirror, in words."""


class _Download:
    """What pooch calls to fill a file: one request, broken off where more arrives than there can be."""

    def __init__(self, mirror: str, file: str, largest: int, progress: Progress | None) -> None:
        self.server, self._plain = mirror.split("/")[2], mirror.startswith("http:")
        self._file, self._largest, self._progress = file, largest, progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        with self._answer(url) as response:
            total = int(length) if (length := response.headers.get("content-length", "")).isdecimal() else 0
            self._check_size(total)
            done = 0
            with open(output_file, "wb") as file:
                for chunk in self._chunks(response):
                    done += len(chunk)
                    self._check_size(done)
                    file.write(chunk)
                    if self._progress is not None and total:
                        self._progress(f"downloading {self._file}", min(1.0, done / total))

    def _answer(self, url: str) -> Any:
        """The begun answer of the server."""
        import requests

        # a server must not unpack the .gz on its way: the checksum is of it
        headers = {"Accept-Encoding": "identity"}
        try:
            response = requests.get(url, stream=True, timeout=TIMEOUT, headers=headers)
        except (OSError, ValueError) as error:  # those of requests are OSErrors, its own and urllib3's of odd addresses
            raise _Failed(self._refused(error)) from None
        if not response.ok:
            response.close()
            raise _Failed(f"{self.server} answers {response.status_code}")
        if response.url.startswith("http:") and not self._plain:
            response.close()
            raise _Failed(f"{self.server} leads to an address without https")
        return response

    def _chunks(self, response: Any) -> Any:
        from requests.exceptions import ConnectionError as Broken
        from requests.exceptions import RequestException

        try:
            yield from response.iter_content(chunk_size=CHUNK)
        except RequestException as error:
            silent = isinstance(error, Broken) and "timed out" in str(error).lower()
            raise _Failed(f"{self.server} {'does not go on' if silent else 'broke off'}") from None

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise _Failed(f"{self.server} sends more than the {self._largest} bytes of the published file")

    def _refused(self, error: OSError | ValueError) -> str:
        """Why there is no answer: a proxy's, a certificate's or the network's trouble."""
        from requests.exceptions import ConnectionError as NoConnection
        from requests.exceptions import (
            InvalidProxyURL,
            InvalidSchema,
            InvalidURL,
            ProxyError,
            RequestException,
            SSLError,
            Timeout,
        )

        bundle = _set(BUNDLES)
        if not isinstance(error, RequestException) and "TLS" in str(error) and bundle:
            return f"{bundle} names {shown(os.environ[bundle])}, which is not there; correct or unset it"
        # our own addresses are well formed: an odd one, of requests or of urllib3 below it, is that of the proxy
        odd = isinstance(error, InvalidURL | InvalidSchema) or not isinstance(error, RequestException)
        if isinstance(error, ProxyError | InvalidProxyURL) or (odd and _set(PROXIES)):
            return f"the proxy that {_set(PROXIES) or 'the system'} names does not lead to {self.server}"
        if isinstance(error, SSLError):
            hint = f"{bundle} names the accepted ones" if bundle else "behind a proxy set REQUESTS_CA_BUNDLE to its own"
            return f"the certificate of {self.server} is not accepted: {hint}"
        through = f", asked through the proxy that {proxy} names" if (proxy := _set(PROXIES)) else ""
        if isinstance(error, Timeout):
            return f"{self.server} does not answer{through}"
        if isinstance(error, NoConnection):  # also of a proxy that is none, or one behind SOCKS
            return f"no connection to {self.server}{through}"
        return f"{self.server} cannot be asked ({shown(error)})"


PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def _set(variables: tuple[str, ...]) -> str:
    """The first of some environment variables that is set."""
    return next((name for name in variables if os.environ.get(name)), "")
