"""Downloads, from a server on this machine: checksums, mirrors, the cache, and a sentence when there is no network."""

import gzip
import hashlib
import io
import logging
import socket
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from image_files import cifar_batches, write_idx_folder

from cgrosim.errors import FileError
from cgrosim.images.data import download, known_files
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.data.download import cache_folder, fetch

CONTENT = bytes(range(256)) * 1024
LARGEST = len(CONTENT)
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(ThreadingHTTPServer):
    """Serves `files` by path; what was asked for is listed in `asked`."""

    daemon_threads = True
    block_on_close = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.encodings, self.silent = {}, [], [], threading.Event()
        self.silent.set()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, *arguments):
        """Say nothing when a client has gone that was tired of waiting."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append(self.path)
        server.encodings.append(self.headers["Accept-Encoding"])
        server.silent.wait(10)
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        content, length = content if isinstance(content, tuple) else (content, len(content))
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.silent.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no data folder, and no proxy between us and this machine."""
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    monkeypatch.delenv("CGROSIM_DATA", raising=False)
    folder = tmp_path / "cache"
    monkeypatch.setattr(download, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: every connection is refused
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_file_is_downloaded_once_with_progress(server, cache):
    server.files["/a.gz"] = CONTENT
    seen = []
    path = fetch("Some", "some", "a.gz", (server.address,), CHECKSUM, lambda *told: seen.append(told), largest=LARGEST)
    assert path == cache / "some" / "a.gz"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("downloading a.gz", 1.0)
    assert [share for _, share in seen] == sorted(share for _, share in seen)
    assert fetch("Some", "some", "a.gz", (server.address,), CHECKSUM, largest=LARGEST) == path
    assert server.asked == ["/a.gz"]
    assert server.encodings == ["identity"]


def test_the_next_mirror_is_asked_and_a_wrong_file_never_kept(server, cache, unused_port):
    server.files |= {"/wrong/a.gz": b"<html>", "/right/a.gz": CONTENT}
    mirrors = (unused_port, f"{server.address}absent/", f"{server.address}wrong/", f"{server.address}right/")
    assert fetch("Some", "some", "a.gz", mirrors, CHECKSUM, largest=LARGEST).read_bytes() == CONTENT
    assert server.asked == ["/absent/a.gz", "/wrong/a.gz", "/right/a.gz"]


def test_a_damaged_file_in_the_cache_is_downloaded_again(server, cache):
    server.files["/a.gz"] = CONTENT
    (cache / "some").mkdir(parents=True)
    (cache / "some" / "a.gz").write_bytes(CONTENT[:-1])
    assert fetch("Some", "some", "a.gz", (server.address,), CHECKSUM, largest=LARGEST).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"x" * (LARGEST + 1), f"sends more than the {LARGEST} bytes of the published file"),
        (b"<html>", "what 127.0.0.1:[0-9]+ sends does not have the published checksum"),
        (None, "127.0.0.1:[0-9]+ answers 404"),
        ((CONTENT[:1000], len(CONTENT)), "127.0.0.1:[0-9]+ broke off"),
    ],
    ids=["too long", "wrong checksum", "not there", "cut short"],
)
def test_what_is_wrong_at_the_mirror_is_said(server, cache, answer, sentence):
    if answer is not None:
        server.files["/a.gz"] = answer
    with pytest.raises(FileError, match=rf"Some cannot be downloaded \(a.gz: .*{sentence}.*give --data-dir"):
        fetch("Some", "some", "a.gz", (server.address,), CHECKSUM, largest=LARGEST)
    assert files_in(cache) == []


def test_a_mirror_that_does_not_answer_is_given_up(server, cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    server.silent.clear()
    with pytest.raises(FileError, match="does not answer"):
        fetch("Some", "some", "a.gz", (server.address,), CHECKSUM, largest=LARGEST)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar-10"])
def test_without_a_network_one_sentence_says_what_to_do(cache, unused_port, monkeypatch, name):
    for idx_name, source in known_files.IDX_SOURCES.items():
        monkeypatch.setitem(known_files.IDX_SOURCES, idx_name, replace(source, mirrors=(unused_port, unused_port)))
    monkeypatch.setattr(download, "CIFAR_MIRROR", unused_port)
    with pytest.raises(FileError) as refused:
        load_dataset(name)
    sentence = str(refused.value)
    assert "no connection to 127.0.0.1" in sentence
    assert sentence.endswith("give --data-dir, or set CGROSIM_DATA, with a folder that holds the files.")
    assert "\n" not in sentence


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path, cache):
    server.files["/a.gz"] = CONTENT
    cache.write_text("a file where the cache should be")
    with pytest.raises(FileError, match=r"the cache .*some cannot be written"):
        fetch("Some", "some", "a.gz", (server.address,), CHECKSUM, largest=LARGEST)


def test_the_logger_of_pooch_is_left_as_it_was(server, cache, capfd):
    import pooch

    server.files["/a.gz"] = CONTENT
    before = pooch.get_logger().level
    fetch("Some", "some", "a.gz", (server.address,), CHECKSUM, largest=LARGEST)
    assert pooch.get_logger().level == before != logging.WARNING
    assert capfd.readouterr() == ("", "")


def test_a_data_set_in_idx_is_downloaded_whole(server, cache, tmp_path, monkeypatch):
    contents = write_idx_folder(tmp_path / "published")
    files = []
    for file in known_files.IDX_SOURCES["mnist"].files:
        packed = gzip.compress(contents[file.stem])
        server.files[f"/{file.stem}.gz"] = packed
        files.append(replace(file, archive_sha256=hashlib.sha256(packed).hexdigest()))
    source = replace(known_files.IDX_SOURCES["mnist"], mirrors=(server.address,), files=tuple(files))
    monkeypatch.setitem(known_files.IDX_SOURCES, "mnist", source)
    downloaded, given = load_dataset("mnist"), load_dataset("mnist", tmp_path / "published")
    assert np.array_equal(downloaded.train_images, given.train_images)
    assert files_in(cache) == sorted(f"mnist/{file.stem}.gz" for file in files)
    load_dataset("mnist")
    assert len(server.asked) == 4
    load_dataset("mnist", cache)


def test_cifar_is_downloaded_as_one_archive(server, cache, monkeypatch):
    batches = cifar_batches((*known_files.CIFAR_TRAINING, known_files.CIFAR_TEST))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    server.files[f"/{known_files.CIFAR_ARCHIVE}"] = packed.getvalue()
    checksum = hashlib.md5(packed.getvalue()).hexdigest()
    for module in (known_files, download):
        monkeypatch.setattr(module, "CIFAR_ARCHIVE_MD5", checksum)
        monkeypatch.setattr(module, "CIFAR_MIRROR", server.address)
    assert load_dataset("cifar-10").train_images.shape == (50, 32, 32, 3)
    assert files_in(cache) == [f"cifar-10/{known_files.CIFAR_ARCHIVE}"]


def test_the_cache_is_the_users():
    assert "cgrosim" in str(cache_folder())


def test_a_download_without_a_stated_length_ends_where_the_file_would(server, cache):
    server.files["/a.gz"] = (CONTENT * 40, None)
    with pytest.raises(FileError, match=f"sends more than the {LARGEST} bytes"):
        fetch("Some", "some", "a.gz", (server.address,), CHECKSUM, largest=LARGEST)
    assert files_in(cache) == []


def test_every_mirror_is_asked_by_https():
    for source in known_files.IDX_SOURCES.values():
        assert all(mirror.startswith("https://") for mirror in source.mirrors)
    assert known_files.CIFAR_MIRROR.startswith("https://")


def refused_by(mirror):
    with pytest.raises(FileError) as refused:
        fetch("Some", "some", "a.gz", (mirror,), CHECKSUM, largest=LARGEST)
    assert "the cache" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def no_settings(monkeypatch):
    """No proxy and no bundle of certificates but those that a test sets."""
    for name in (*download.PROXIES, *download.BUNDLES, "NO_PROXY", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:{port}", "http://127.0.0.1:99999", "nonsense://127.0.0.1:{port}"])
def test_the_trouble_of_a_proxy_is_called_so(cache, unused_port, monkeypatch, no_settings, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy.format(port=unused_port.split(":")[2].rstrip("/")))
    assert "the proxy that HTTPS_PROXY names does not lead to files.invalid" in refused_by("https://files.invalid/")


def test_a_wrong_bundle_of_certificates_is_called_so(cache, monkeypatch, no_settings, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    assert "REQUESTS_CA_BUNDLE names " in refused_by("https://files.invalid/")


def test_a_server_that_speaks_no_tls_has_no_accepted_certificate(server, cache, monkeypatch, no_settings):
    address = server.address.replace("http:", "https:")
    assert "the certificate of 127.0.0.1" in refused_by(address)


def test_where_a_proxy_is_set_a_lost_connection_names_it(cache, monkeypatch, no_settings):
    """As behind SOCKS, or at a proxy that speaks something else: requests does not say whose connection it was."""
    import requests

    def lost(*arguments, **options):
        raise requests.ConnectionError("aborted")

    monkeypatch.setattr(requests, "get", lost)
    assert "no connection to files.invalid)" in refused_by("https://files.invalid/")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    assert "no connection to files.invalid, asked through the proxy that ALL_PROXY names" in refused_by(
        "https://files.invalid/"
    )
