"""Checksummed downloads into the user's cache, tried at one mirror after the other."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from cgrosim.errors import FileError
from cgrosim.images.data.known_files import CIFAR_ARCHIVE, CIFAR_ARCHIVE_MD5, CIFAR_MIRROR, IDX_SOURCES, IdxName
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
        fetch(source.title, name, f"{file.stem}.gz", source.mirrors, f"sha256:{file.archive_sha256}", progress)
        for file in source.files
    )


def download_cifar(progress: Progress | None = None) -> Path:
    """Return the archive of CIFAR-10 in the user's cache, downloading it if it is missing or damaged there.

    Raises
    ------
    FileError
        As `download_idx`.
    """
    return fetch("CIFAR-10", "cifar-10", CIFAR_ARCHIVE, (CIFAR_MIRROR,), f"md5:{CIFAR_ARCHIVE_MD5}", progress)


def cache_folder() -> Path:
    """The folder of downloads: `cgrosim` in the user's cache (on Linux below XDG_CACHE_HOME or ~/.cache)."""
    import pooch

    return Path(pooch.os_cache("cgrosim"))


def fetch(
    title: str, folder: str, file: str, mirrors: tuple[str, ...], checksum: str, progress: Progress | None = None
) -> Path:
    """Return a file of the cache whose checksum is right; download it from the first mirror that has it.

    Parameters
    ----------
    title : the data set's name in messages
    folder : below the cache
    mirrors : addresses that end in a slash
    checksum : with its method, such as "sha256:..."
    progress : called with the file's name and the share that has arrived

    Raises
    ------
    FileError
        If there is no connection, no mirror has a file with this checksum, or the cache cannot be written.
    """
    import pooch

    target = cache_folder() / folder
    downloader = pooch.HTTPDownloader(
        progressbar=_Bar(file, progress) if progress else False,
        chunk_size=CHUNK,
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # a server must not unpack the .gz on its way: the checksum is of it
    )
    reasons = []
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)  # the sentences here say it all
    try:
        for mirror in mirrors:
            try:
                return Path(pooch.retrieve(mirror + file, checksum, file, target, downloader=downloader))
            except (OSError, ValueError) as error:
                reasons.append(_reason(error, mirror, target))
    finally:
        logger.setLevel(level)
    raise FileError(f"{title} cannot be downloaded ({file}: {', '.join(reasons)}); {REMEDY}.")


def _reason(error: OSError | ValueError, mirror: str, target: Path) -> str:
    """What went wrong at one mirror; a cache that cannot be written is an error of its own."""
    from requests.exceptions import ConnectionError as NoConnection  # what pooch downloads with
    from requests.exceptions import HTTPError, RequestException, Timeout

    server = mirror.split("/")[2]
    if isinstance(error, HTTPError) and error.response is not None:
        return f"{server} answers {error.response.status_code}"
    if isinstance(error, Timeout):
        return f"{server} does not answer"
    if isinstance(error, NoConnection):
        return f"no connection to {server}"
    if isinstance(error, RequestException):
        return f"{server} broke off"
    if isinstance(error, ValueError):
        return f"what {server} sends does not have the published checksum"
    reason = error.strerror or type(error).__name__
    raise FileError(f"the cache {target} cannot be written ({reason}); make room there, or {REMEDY}.") from None


class _Bar:
    """What pooch asks of a progress bar, as a call with the share that has arrived."""

    def __init__(self, what: str, progress: Progress) -> None:
        self.what, self.progress, self.total, self.done = what, progress, 0, 0

    def update(self, amount: int) -> None:
        self.done += amount
        if self.total:
            self.progress(f"downloading {self.what}", min(1.0, self.done / self.total))

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        self.done = 0
