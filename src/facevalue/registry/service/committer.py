"""Group commit: submissions that arrive together are made durable together, since a disk flushes only so often."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future

from facevalue.registry.admission import Request
from facevalue.registry.errors import RefusedError, RegistryError
from facevalue.registry.registry import Receipt, Registry

MAX_BATCH = 256
MAX_WAITING = 1024


class Committer:
    """One thread that commits what many ask for. Nobody is answered before his submission is durable."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._waiting: queue.Queue[tuple[Request, Future[Receipt]] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="registry-committer", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Receipt:
        """Take one submission, and wait for it. Raises RefusedError or RegistryError."""
        future: Future[Receipt] = Future()
        try:
            self._waiting.put_nowait((request, future))
        except queue.Full:
            raise RefusedError("busy", "too many submissions are waiting: try again in a moment", 503) from None
        return future.result()

    def close(self) -> None:
        """Finish what waits, and stop."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        open_ = True
        while open_:
            batch = [self._waiting.get()]
            while len(batch) < MAX_BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            open_ = None not in batch
            self._commit([item for item in batch if item is not None])

    def _commit(self, batch: list[tuple[Request, Future[Receipt]]]) -> None:
        if not batch:
            return
        try:
            outcomes = self.registry.submit([request for request, _ in batch])
        except Exception as error:
            # Whatever it was, each of them must hear of it; only a RegistryError's sentence is for strangers' eyes.
            known = error if isinstance(error, RegistryError) else RegistryError("the registry failed")
            for _, future in batch:
                future.set_exception(known)
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, RefusedError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
