"""Where files are looked for, and what a download may do."""

import contextlib
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ssvae.datasets import DATASETS, base
from ssvae.datasets.base import DataFile, fetch, find_file
from ssvae.datasets.load import about
from ssvae.readers.errors import DataError

CONTENT = b"the right bytes"
ENDLESS = object()  # an answer that does not end
sent = []  # sizes of its parts
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server():
    """Yield the address of a server on this machine, and the answers it gives by path."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = answers.get(self.path)
            self.send_response(200 if content is not None else 404)
            if content is ENDLESS:
                self.end_headers()
                with contextlib.suppress(OSError):  # until the other side has enough
                    while True:
                        sent.append(self.wfile.write(bytes(100_000)))
                return
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", answers
        http.shutdown()
        thread.join()


def spec(*mirrors, checksum=f"md5:{MD5}"):
    return DataFile("toy", "toy.bin", checksum, 0.1, mirrors)


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("inner", ["toy/toy.bin", "toy.bin"])
@pytest.mark.parametrize("by_variable", [True, False])
def test_given_folder_comes_first(tmp_path, monkeypatch, inner, by_variable):
    put(base.cache_folder("toy") / "toy.bin")
    path = put(tmp_path / "mine" / inner)
    if by_variable:
        monkeypatch.setenv("SSVAE_DATA_DIR", str(tmp_path / "mine"))
    assert fetch(spec(), None if by_variable else tmp_path / "mine") == path


def test_argument_goes_before_the_variable(tmp_path, monkeypatch):
    put(tmp_path / "variable/toy.bin")
    path = put(tmp_path / "argument/toy.bin")
    monkeypatch.setenv("SSVAE_DATA_DIR", str(tmp_path / "variable"))
    assert fetch(spec(), tmp_path / "argument") == path


def test_cache_comes_before_the_network(tmp_path):
    path = put(base.cache_folder("toy") / "toy.bin")
    assert fetch(spec("http://127.0.0.1:1/")) == path
    assert find_file(spec()) == path


def test_sha256(tmp_path):
    path = put(tmp_path / "toy.bin")
    assert fetch(spec(checksum="sha256:" + hashlib.sha256(CONTENT).hexdigest()), tmp_path) == path


def test_damaged_file_in_the_given_folder_is_named_and_left_alone(tmp_path):
    path = put(tmp_path / "toy" / "toy.bin", CONTENT[:-1])
    with pytest.raises(DataError) as caught:
        fetch(spec(), tmp_path)
    for words in (str(path), MD5, hashlib.md5(CONTENT[:-1]).hexdigest(), "delete it"):
        assert words in str(caught.value)
    assert path.read_bytes() == CONTENT[:-1]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        fetch(spec(), tmp_path / "nowhere")


def test_download_is_kept(server):
    address, answers = server
    answers["/toy.bin"] = CONTENT
    path = fetch(spec(f"{address}/"))
    assert path == base.cache_folder("toy") / "toy.bin"
    assert path.read_bytes() == CONTENT
    answers.clear()
    assert fetch(spec(f"{address}/")) == path


def test_mirrors_are_tried_in_order(server):
    address, answers = server
    answers |= {"/bad/toy.bin": b"other bytes", "/good/toy.bin": CONTENT}
    assert fetch(spec(f"{address}/none/", f"{address}/bad/", f"{address}/good/")).read_bytes() == CONTENT


def test_corrupt_download_leaves_nothing(server):
    address, answers = server
    answers["/toy.bin"] = b"other bytes"
    with pytest.raises(DataError, match="corrupt download") as caught:
        fetch(spec(f"{address}/"))
    assert MD5 in str(caught.value)
    assert not any(path.is_file() for path in base.cache_folder("toy").rglob("*"))


def test_damaged_cache_is_replaced(server):
    address, answers = server
    answers["/toy.bin"] = CONTENT
    put(base.cache_folder("toy") / "toy.bin", b"half")
    assert fetch(spec(f"{address}/")).read_bytes() == CONTENT


def test_offline_error_says_file_address_and_place(tmp_path):
    address = "http://127.0.0.1:1/"  # nothing listens on port 1
    with pytest.raises(DataError) as caught:
        fetch(spec(address), tmp_path)
    text = str(caught.value)
    for words in ("toy.bin", f"{address}toy.bin", str(base.cache_folder("toy") / "toy.bin"), "SSVAE_DATA_DIR", MD5):
        assert words in text
    assert "Connection refused" in text
    assert "HTTPConnectionPool" not in text


def test_page_not_found_is_said(server):
    address, _ = server
    with pytest.raises(DataError, match="404"):
        fetch(spec(f"{address}/"))


def test_the_checksum_of_a_file_in_a_git_repository(server):
    """`git hash-object` of b"the right bytes"."""
    address, answers = server
    answers["/toy.bin"] = CONTENT
    known = "0e9c6767e7cfc863c402eef48af35321e2ab33af"
    assert fetch(spec(f"{address}/", checksum=f"git-sha1:{known}")).read_bytes() == CONTENT
    answers["/toy.bin"] = b"other bytes"
    put(base.cache_folder("toy") / "toy.bin", b"half")
    with pytest.raises(DataError, match=f"git-sha1 is .*expected {known}"):
        fetch(spec(f"{address}/", checksum=f"git-sha1:{known}"))


def test_a_file_without_a_checksum_is_read_but_never_downloaded(server, tmp_path):
    address, answers = server
    answers["/toy.bin"] = CONTENT
    with pytest.raises(DataError, match="no checksum of it is published") as caught:
        fetch(spec(f"{address}/", checksum=""))
    assert f"{address}/toy.bin" in str(caught.value)
    path = put(tmp_path / "toy.bin")
    assert fetch(spec(f"{address}/", checksum=""), tmp_path) == path


def test_a_download_that_does_not_end_is_stopped(server):
    address, answers = server
    answers |= {"/bad/toy.bin": ENDLESS, "/good/toy.bin": CONTENT}
    sent.clear()
    with pytest.raises(DataError, match=r"stopped after 1\.2 MB"):
        fetch(spec(f"{address}/bad/"))
    assert sum(sent) < 50e6  # what was on its way by then
    assert not any(path.is_file() for path in base.cache_folder("toy").rglob("*"))
    assert fetch(spec(f"{address}/bad/", f"{address}/good/")).read_bytes() == CONTENT


def test_a_file_may_have_an_address_of_its_own(server):
    address, answers = server
    answers["/files/1"] = CONTENT
    assert fetch(spec(f"{address}/files/1")).read_bytes() == CONTENT


def test_what_is_downloaded_is_known_by_its_checksum():
    """As published with the data, or by the libraries that download them; and by https where they do."""
    files = [file for name in DATASETS.names() for file in (*about(name).files, *about(name).instead)]
    assert all(len(file.checksum.partition(":")[2]) in (32, 40, 64) for file in files if file.checksum)
    unknown = {file.name for file in files if not file.checksum}
    assert all(name.startswith(("lyrl2004_tokens_", "rcv1-v2.topics.qrels")) for name in unknown), unknown
    only_http = {
        file.dataset for file in files if file.checksum and not any(a.startswith("https:") for a in file.addresses)
    }
    assert only_http - {file.dataset for file in files if not file.mirrors} <= {
        "fashion_mnist",
        "svhn",
        "binarized_mnist",
    }
