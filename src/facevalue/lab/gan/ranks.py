"""Several processes as one: torch.distributed, started by torchrun, on one machine or on many.

    torchrun --nproc-per-node 2 -m facevalue lab gan train DATA --size 64 --out RUN

Gradients are averaged over the processes by hand, after the last piece of a batch. (DistributedDataParallel averages
inside backward(), which the double backward of the penalties does not go through.) gloo on CPUs, nccl on GPUs. The run
folder must be one that every process sees; the first process writes, the others wait.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import distributed

from facevalue.errors import UsageError


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among count; device: where its networks are."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's rows of a batch. Raises UsageError when it does not divide."""
        if batch % self.count:
            raise UsageError(f"a batch of {batch} does not divide among {self.count} processes")
        each = batch // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def average(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes, in one message."""
        if self.count == 1:
            return
        grads = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in grads])
        distributed.all_reduce(flat)
        flat /= self.count
        for own, mean in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
            own.copy_(mean.view_as(own))

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean of a small tensor over the processes."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values / self.count

    def wait(self) -> None:
        """Until every process is here."""
        if self.count > 1:
            distributed.barrier()


@contextlib.contextmanager
def ranks() -> Iterator[Ranks]:
    """This process's place as torchrun set it in the environment; alone without it. Raises UsageError."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", local % torch.cuda.device_count()) if cuda else torch.device("cpu")
    if count == 1:
        yield Ranks(0, 1, device)
        return
    if cuda:
        torch.cuda.set_device(device)
    try:
        distributed.init_process_group("nccl" if cuda else "gloo")
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"the processes did not find each other (start them by torchrun): {error}") from None
    try:
        yield Ranks(distributed.get_rank(), count, device)
    finally:
        distributed.destroy_process_group()
