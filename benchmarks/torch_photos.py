"""The photos as a data set of PyTorch's.

In a module of its own: a worker process that isn't forked imports it, and with it PyTorch, by name.
"""

from __future__ import annotations

import torch

from benchmarks.work import read


class Photos(torch.utils.data.Dataset):
    """One photo each, as a tensor: uint8, shape (224, 224, 3), RGB."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> torch.Tensor:
        return torch.from_numpy(read(self.paths[place]))
