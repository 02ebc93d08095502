"""An identity to sign with, and what makes the other folders' helpers importable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for folder in ("signing", "media", "registry", "provenance"):
    sys.path.insert(0, str(HERE.parent / folder))

import facevalue as fv  # noqa: E402
from facevalue.signing.store import StoredIdentity, init_identity  # noqa: E402


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> StoredIdentity:
    """A test identity, for all tests."""
    return init_identity("desk", folder=tmp_path_factory.mktemp("identities"))


@pytest.fixture(scope="session")
def who(desk: StoredIdentity) -> fv.Identity:
    """The same, open."""
    return desk.open()


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty FACEVALUE_HOME, for every test: it remembers identities and the keys of logs."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FACEVALUE_HOME", str(folder))
    return folder


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """An unsigned picture."""
    import make_credentials as kit

    path = tmp_path / "photo.jpg"
    path.write_bytes(kit.picture(side=160))
    return path


@pytest.fixture
def party(tmp_path: Path, who: fv.Identity) -> Iterator[object]:
    """A registry that knows the identity's key."""
    pytest.importorskip("sqlalchemy", reason="needs the extra 'registry'")
    from make_registry import Party

    from facevalue.registry import Key, Role

    made = Party(tmp_path / "registry")
    assert who.publisher is not None
    made.registry.put_key(Key(who.publisher.public_key().public_bytes_raw(), "desk.example.org", Role.PUBLISHER))
    yield made
    made.registry.close()


@pytest.fixture
def quick(who: fv.Identity) -> Callable[..., fv.Signed]:
    """Sign without a watermark."""
    return lambda path, out=None, **more: fv.sign(path, out, who, **{"watermark": False, **more})
