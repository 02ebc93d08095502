"""Asking another registry over http: every call is a use of the network, and is refused while that is off."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from facevalue.errors import UsageError
from facevalue.home import require_network
from facevalue.registry.canonical import parse
from facevalue.registry.errors import RefusedError, RegistryError

MAX_ANSWER_BYTES = 32 << 20
TIMEOUT_S = 60.0


class RemoteRegistry:
    """A registry behind a URL. Raises OfflineError when FACEVALUE_OFFLINE refuses the network.

    Every method raises RefusedError with the registry's own reason, or RegistryError when it cannot be reached or
    answers nonsense. What it answers is not authenticated: verify the proofs (see proof.verify_proof).
    """

    def __init__(self, url: str) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise UsageError("a registry's address begins with http:// or https://")
        require_network("asking a registry")
        self.url = url.rstrip("/")

    def facts(self) -> dict[str, Any]:
        """The registry's name, its log's key and head."""
        return self._call("/registry")

    def find(self, **question: str) -> dict[str, Any]:
        """Claims by sha256, asset_hash, manifest_id, or alg and value (base64)."""
        return self._call("/entries?" + urllib.parse.urlencode(question))

    def proof(self, leaf: int) -> dict[str, Any]:
        """The proof of one leaf."""
        return self._call(f"/entries/{leaf}/proof")

    def register(self, submission: Mapping[str, Any], manifest: bytes | None = None) -> dict[str, Any]:
        """Send a signed submission to register; the receipt, with the proof."""
        body: dict[str, Any] = {"submission": submission}
        if manifest is not None:
            body["manifest"] = base64.b64encode(manifest).decode("ascii")
        return self._call("/entries", body)

    def revoke(self, submission: Mapping[str, Any]) -> dict[str, Any]:
        """Send a signed submission to revoke."""
        return self._call("/revocations", {"submission": submission})

    def _call(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        # Only http(s): the scheme was checked when the address was given.
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return _object(answer.read(MAX_ANSWER_BYTES + 1))
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise RegistryError(f"the registry cannot be asked: {reason!s:.200}") from None


def _object(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_ANSWER_BYTES:
        raise ValueError("its answer is too large")
    answer = parse(data)
    if not isinstance(answer, dict):
        raise ValueError("its answer is not a JSON object")
    return answer


def _refusal(error: urllib.error.HTTPError) -> RefusedError:
    try:
        told = _object(error.read(MAX_ANSWER_BYTES + 1))["error"]
        return RefusedError(str(told["code"])[:60], f"the registry refuses: {str(told['message'])[:500]}", error.code)
    except (ValueError, KeyError, TypeError, OSError):
        return RefusedError("refused", f"the registry answers {error.code}", error.code)
