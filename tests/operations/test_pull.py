from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from gitstage.canonical import DocumentError
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.manifest import Artifact, ModelVersion, canonical_bytes
from gitstage.operations import pull, register
from gitstage.operations.pull import MANIFEST, Pulled, refuse_private
from tests.git.sandbox import git
from tests.operations.pictures import unchanged
from tests.operations.servers import Server, certificate, serving
from tests.operations.stories import Story, Team

DATA = b"weights" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
OTHER = hashlib.sha256(b"something else").hexdigest()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(tls: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with serving(tls) as found:
        yield found


def placed(story: Story, uri: str, *, sha256: str = SHA256, size: int = len(DATA)) -> Story:
    """A version whose only artifact lies at `uri`."""
    register.run(story.registry(), "m@1.0.0", register.Wanted(artifacts=(uri,), sha256=(sha256,), size=(size,)))
    return story


def pulled(
    story: Story, folder: Path, text: str = "m@1.0.0", *, allow_private: bool = False, at: str | None = None
) -> Pulled:
    return pull.run(story.registry(), text, folder, allow_private=allow_private, at=at)


def held_by(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def nothing_is_left(folder: Path) -> bool:
    return (
        not folder.exists()
        and [path.name for path in folder.parent.iterdir() if path.name.startswith(f".{folder.name}")] == []
    )


# From the registry.


def test_what_is_in_effect_is_put_in_place_with_its_manifest(served: Story, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    seen: list[tuple[str, int, int]] = []
    with unchanged(served.path):
        found = pull.run(served.registry(), "fraud-detector@production", out, progress=lambda *said: seen.append(said))
    assert held_by(out) == {
        "fraud-detector-1.1.0.bin": b"fraud-detector@1.1.0",
        MANIFEST: served.read("models/fraud-detector/1.1.0.yaml").encode(),
    }
    assert (found.resolved.version, found.files, found.folder, found.unchanged) == (
        "1.1.0",
        (("fraud-detector-1.1.0.bin", 20),),
        out,
        False,
    )
    assert seen == [("fraud-detector-1.1.0.bin", 20, 20)]
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_what_was_in_effect_then(served: Story, tmp_path: Path) -> None:
    found = pull.run(served.registry(), "fraud-detector@production", tmp_path / "out", at="2026-03-01T13:00Z")
    assert found.resolved.version == "1.0.0"


def test_an_empty_folder_is_filled(served: Story, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    pulled(served, tmp_path / "out", "fraud-detector@1.0.0")
    assert sorted(held_by(tmp_path / "out")) == ["fraud-detector-1.0.0.bin", MANIFEST]


def test_what_is_there_already_is_left_alone(served: Story, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pulled(served, out, "fraud-detector@1.0.0")
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert pulled(served, out, "fraud-detector@1.0.0").unchanged
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_a_version_with_the_same_files_is_another_version(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(DATA)
    for version, auc in (("1.0.0", 0.9), ("1.1.0", 0.5)):
        register.run(story.registry(), f"m@{version}", register.Wanted(artifacts=(str(file),), metrics={"auc": auc}))
    pulled(story, tmp_path / "out", "m@1.0.0")
    with pytest.raises(GitstageError, match="holds something else than m@1.1.0"):
        pulled(story, tmp_path / "out", "m@1.1.0")


@pytest.mark.parametrize(
    "spoil", ["other file", "other bytes", "missing", "link", "link to a folder", "folder", "no manifest"]
)
def test_a_folder_that_holds_something_else_is_refused_and_left_alone(
    served: Story, tmp_path: Path, spoil: str
) -> None:
    out = tmp_path / "out"
    pulled(served, out, "fraud-detector@1.0.0")
    file = out / "fraud-detector-1.0.0.bin"
    if spoil == "other file":
        (out / "notes.txt").write_text("mine")
    elif spoil == "other bytes":
        file.write_bytes(b"x" * 20)
    elif spoil == "link to a folder":
        (out / "latest").symlink_to(tmp_path)
    elif spoil == "no manifest":
        (out / MANIFEST).unlink()
    else:
        file.rename(tmp_path / "aside")
        if spoil == "link":
            file.symlink_to(tmp_path / "aside")
        elif spoil == "folder":
            file.mkdir()
    before = held_by(out)
    with pytest.raises(GitstageError, match="is not empty, and holds something else"):
        pulled(served, out, "fraud-detector@1.0.0")
    assert held_by(out) == before


def test_a_file_is_no_folder(served: Story, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(GitstageError, match="is not empty"):
        pulled(served, tmp_path / "out", "fraud-detector@1.0.0")
    with pytest.raises(GitstageError, match="cannot be written"):
        pulled(served, tmp_path / "out" / "deeper", "fraud-detector@1.0.0")
    assert (tmp_path / "out").read_text() == "mine"


def test_what_is_not_there_is_said(served: Story, tmp_path: Path) -> None:
    for text in ("nobody@production", "fraud-detector@9.9.9", "fraud-detector@production~9"):
        with pytest.raises(NoSuchThing):
            pulled(served, tmp_path / "out", text)
    assert nothing_is_left(tmp_path / "out")


def test_an_artifact_may_be_called_like_the_manifest(story: Story, tmp_path: Path) -> None:
    file = tmp_path / MANIFEST
    file.write_bytes(DATA)
    register.run(story.registry(), "m@1.0.0", register.Wanted(artifacts=(str(file),)))
    pulled(story, tmp_path / "out")
    assert held_by(tmp_path / "out") == {MANIFEST: DATA}
    assert pulled(story, tmp_path / "out").unchanged


def test_bytes_that_were_changed_by_force_are_not_put_in_place(served: Story, tmp_path: Path) -> None:
    served.write("artifacts/fraud-detector/1.0.0/fraud-detector-1.0.0.bin", "fraud-detector@6.6.6")
    served.commit("by force")
    with pytest.raises(GitstageError, match="has sha256 .* and the manifest says"):
        pulled(served, tmp_path / "out", "fraud-detector@1.0.0", at="HEAD")
    assert nothing_is_left(tmp_path / "out")
    # What was in effect is read from its own commit, what was registered from where it passed: both are as they were.
    for number, text in enumerate(("fraud-detector@production~1", "fraud-detector@1.0.0")):
        pulled(served, tmp_path / f"out-{number}", text)
        assert (tmp_path / f"out-{number}/fraud-detector-1.0.0.bin").read_bytes() == b"fraud-detector@1.0.0"


def test_an_artifact_that_was_removed_by_force_is_said(served: Story, tmp_path: Path) -> None:
    served.git("rm", "-r", "--quiet", "artifacts/fraud-detector/1.0.0")
    served.commit("by force")
    with pytest.raises(GitstageError, match="is not in the registry at"):
        pulled(served, tmp_path / "out", "fraud-detector@1.0.0", at="HEAD")
    assert nothing_is_left(tmp_path / "out")
    pulled(served, tmp_path / "out", "fraud-detector@1.0.0")
    assert (tmp_path / "out/fraud-detector-1.0.0.bin").read_bytes() == b"fraud-detector@1.0.0"


def test_a_manifest_that_speaks_of_another_version_is_refused(served: Story, tmp_path: Path) -> None:
    served.copy("models/fraud-detector/1.1.0.yaml", "models/fraud-detector/1.0.0.yaml")
    served.commit("by force")
    with pytest.raises(GitstageError, match="speaks of another version"):
        pulled(served, tmp_path / "out", "fraud-detector@1.0.0", at="HEAD")
    assert nothing_is_left(tmp_path / "out")


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "a\\\\..\\\\evil", ".git/hooks/x", "C:evil"])
def test_no_manifest_can_leave_the_folder(story: Story, tmp_path: Path, path: str) -> None:
    placed(story, "https://localhost/m.bin")
    text = story.read("models/m/1.0.0.yaml")
    story.write("models/m/1.0.0.yaml", text.replace("- path: m.bin", f'- path: "{path}"'))
    story.commit("by force")
    with pytest.raises(DocumentError):
        pulled(story, tmp_path / "out", at="HEAD")
    assert nothing_is_left(tmp_path / "out")
    assert not (tmp_path / "evil").exists()


# Git LFS.


def kept_with_lfs(story: Story) -> None:
    manifest = ModelVersion(
        model="m",
        version="1.0.0",
        artifacts=(Artifact(path="m.bin", uri="artifacts/m/1.0.0/m.bin", sha256=SHA256, size=len(DATA)),),
    )
    story.write("models/m/1.0.0.yaml", canonical_bytes(manifest).decode())
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize {len(DATA)}\n"
    story.write("artifacts/m/1.0.0/m.bin", pointer)
    story.commit("with lfs")
    assert story.tag().exit_code == 0


def test_an_artifact_in_git_lfs_comes_from_its_store(story: Story, tmp_path: Path) -> None:
    kept_with_lfs(story)
    with pytest.raises(GitstageError, match="is in Git LFS and not in this clone") as caught:
        pulled(story, tmp_path / "out")
    assert caught.value.hint == "git lfs fetch --all, then again"
    assert nothing_is_left(tmp_path / "out")
    store = story.path / ".git/lfs/objects" / SHA256[:2] / SHA256[2:4]
    store.mkdir(parents=True)
    (store / SHA256).write_bytes(DATA[:-1] + b"x")
    with pytest.raises(GitstageError, match="has sha256"):
        pulled(story, tmp_path / "out")
    (store / SHA256).write_bytes(DATA)
    pulled(story, tmp_path / "out")
    assert (tmp_path / "out/m.bin").read_bytes() == DATA


def test_a_linked_work_tree_has_the_same_store(story: Story, tmp_path: Path) -> None:
    kept_with_lfs(story)
    store = story.path / ".git/lfs/objects" / SHA256[:2] / SHA256[2:4]
    store.mkdir(parents=True)
    (store / SHA256).write_bytes(DATA)
    story.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    pulled(Story(tmp_path / "linked"), tmp_path / "out")
    assert (tmp_path / "out/m.bin").read_bytes() == DATA


# From a file.


def test_a_file_that_lies_elsewhere_is_copied_and_verified(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "the model.bin"
    file.write_bytes(DATA)
    placed(story, file.as_uri())
    pulled(story, tmp_path / "out")
    assert (tmp_path / "out/the%20model.bin").read_bytes() == DATA
    file.unlink()
    with pytest.raises(GitstageError, match="cannot be read: No such file"):
        pulled(story, tmp_path / "other")
    assert nothing_is_left(tmp_path / "other")


@pytest.mark.parametrize(
    ("sha256", "size", "why"),
    [
        (OTHER, len(DATA), "has sha256"),
        (SHA256, len(DATA) - 1, "has not the 6999 bytes"),
        (SHA256, len(DATA) + 1, "has not the 7001 bytes"),
        (SHA256, 0, "has not the 0 bytes"),
    ],
)
def test_other_bytes_than_the_manifest_says_are_not_put_in_place(
    story: Story, tmp_path: Path, sha256: str, size: int, why: str
) -> None:
    file = tmp_path / "m.bin"
    file.write_bytes(DATA)
    placed(story, file.as_uri(), sha256=sha256, size=size)
    (tmp_path / "out").mkdir()
    with pytest.raises(GitstageError, match=why):
        pulled(story, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []
    assert held_by(tmp_path / "out") == {}


def test_stopped_half_way_nothing_is_in_place(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "m.bin"
    file.write_bytes(DATA)
    placed(story, file.as_uri())

    def stop(path: str, done: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull.run(story.registry(), "m@1.0.0", tmp_path / "out", progress=stop)
    assert nothing_is_left(tmp_path / "out")


@pytest.mark.parametrize("scheme", ["s3", "gs", "az", "oci", "hf"])
def test_a_store_that_cannot_be_asked_yet_is_named(story: Story, tmp_path: Path, scheme: str) -> None:
    placed(story, f"{scheme}://models/m.bin")
    with pytest.raises(GitstageError, match=f"cannot fetch from {scheme} yet"):
        pulled(story, tmp_path / "out")


# From the web.


def test_what_a_server_sends_is_verified(story: Story, tmp_path: Path, server: Server) -> None:
    placed(story, server.serve("/m.bin", DATA))
    pulled(story, tmp_path / "out")
    assert (tmp_path / "out/m.bin").read_bytes() == DATA


def test_a_certificate_that_nobody_signed_is_refused(
    story: Story, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(story, server.serve("/m.bin", DATA))
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(GitstageError, match="CERTIFICATE_VERIFY_FAILED"):
        pulled(story, tmp_path / "out")
    assert nothing_is_left(tmp_path / "out")
    assert server.asked == []


def test_other_bytes_from_a_server_are_not_put_in_place(story: Story, tmp_path: Path, server: Server) -> None:
    placed(story, server.serve("/m.bin", DATA[:-1] + b"x"))
    with pytest.raises(GitstageError, match="has sha256"):
        pulled(story, tmp_path / "out")
    server.serve("/m.bin", DATA * 1000)
    with pytest.raises(GitstageError, match="has not the 7000 bytes"):
        pulled(story, tmp_path / "out")
    assert nothing_is_left(tmp_path / "out")


def test_a_server_that_stops_half_way_leaves_nothing(story: Story, tmp_path: Path, server: Server) -> None:
    def half(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(DATA)))
        request.end_headers()
        request.wfile.write(DATA[:100])
        request.close_connection = True

    def reset(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(DATA)))
        request.end_headers()
        request.wfile.write(DATA[:100])
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_RDWR)

    uri = server.serve("/m.bin", DATA)
    placed(story, uri)
    for answer in (half, reset):
        server.answers["/m.bin"] = answer
        with pytest.raises(GitstageError) as caught:
            pulled(story, tmp_path / "out")
        assert caught.value.message.startswith(uri)
        assert nothing_is_left(tmp_path / "out")


def test_a_page_that_is_not_there_is_said(story: Story, tmp_path: Path, server: Server) -> None:
    placed(story, f"{server.url}/nowhere.bin")
    with pytest.raises(GitstageError, match="cannot be fetched: Not Found"):
        pulled(story, tmp_path / "out")


def test_a_server_that_is_not_there_is_said(story: Story, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    placed(story, f"https://localhost:{port}/m.bin")
    with pytest.raises(GitstageError, match="cannot be fetched"):
        pulled(story, tmp_path / "out")


def test_no_redirect_to_plain_http_is_followed(story: Story, tmp_path: Path, server: Server) -> None:
    with serving(None) as plain:
        placed(story, server.redirect("/m.bin", plain.serve("/m.bin", DATA)))
        with pytest.raises(GitstageError, match="redirects to http, which is not followed"):
            pulled(story, tmp_path / "out", allow_private=True)
        assert plain.asked == []
    assert nothing_is_left(tmp_path / "out")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://localhost/m.bin"])
def test_no_redirect_to_another_kind_of_address_is_followed(
    story: Story, tmp_path: Path, server: Server, target: str
) -> None:
    placed(story, server.redirect("/m.bin", target))
    with pytest.raises(GitstageError):
        pulled(story, tmp_path / "out", allow_private=True)
    assert nothing_is_left(tmp_path / "out")


def test_a_redirect_to_loopback_is_followed_only_where_the_operator_allows_it(
    story: Story, tmp_path: Path, server: Server
) -> None:
    placed(story, server.redirect("/m.bin", server.serve("/elsewhere/m.bin", DATA)))
    with pytest.raises(GitstageError, match="which is not a public address") as caught:
        pulled(story, tmp_path / "out")
    assert "--allow-private" in str(caught.value.hint)
    assert server.asked == ["/m.bin"]
    pulled(story, tmp_path / "out", allow_private=True)
    assert (tmp_path / "out/m.bin").read_bytes() == DATA


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    with pytest.raises(GitstageError, match="which is not a public address"):
        refuse_private(host, "https://x/")


def test_a_public_address_is_let_through_and_a_name_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_private("8.8.8.8", "https://x/")

    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(GitstageError, match="nowhere cannot be found"):
        refuse_private("nowhere", "https://x/")


def test_a_bare_repository_is_pulled_from(serving_team: tuple[Team, Story], tmp_path: Path) -> None:
    team, _ = serving_team
    pulled(Story(team.remote), tmp_path / "out", "fraud-detector@production")
    assert (tmp_path / "out/fraud-detector-1.1.0.bin").read_bytes() == b"fraud-detector@1.1.0"
    assert git("--git-dir=.", "fsck", "--no-dangling", cwd=team.remote) == ""


def test_a_file_of_another_machine_is_registered_by_nobody_and_looked_for_nowhere(story: Story, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    wanted = register.Wanted(artifacts=("file://elsewhere/srv/m.bin",), sha256=(digest,), size=(7,))
    with unchanged(story.path), pytest.raises(GitstageError, match="a file: address is written file:///folder/name"):
        register.run(story.registry(), "m@1.0.0", wanted)
    # Where a manifest says so all the same, it has never passed.
    artifact = Artifact.model_construct(path="m.bin", uri="file://elsewhere/srv/m.bin", sha256=digest, size=7)
    with pytest.raises(GitstageError) as caught:
        list(pull._from_file(artifact))
    assert caught.value.message == "file://elsewhere/srv/m.bin names a file on another machine"
    assert caught.value.hint == "file:///path/to/file"
