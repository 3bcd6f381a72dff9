"""Random numbers for batches of fields, all from one seed."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Draws:
    """Draws tensors of random numbers on a device."""

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self.device = device
        self._generator = torch.Generator(device).manual_seed(seed)

    def uniform(self, *shape: int) -> Tensor:
        """Draw from [0, 1)."""
        return torch.rand(*shape, generator=self._generator, device=self.device)

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        """Draw from [low, high)."""
        return low + (high - low) * self.uniform(*shape)

    def normal(self, *shape: int) -> Tensor:
        """Draw from the standard normal distribution."""
        return torch.randn(*shape, generator=self._generator, device=self.device)

    def integers(self, below: int, *shape: int) -> Tensor:
        """Draw whole numbers from 0 to below ``below``."""
        return torch.randint(below, shape, generator=self._generator, device=self.device)

    def choice(self, shares: Sequence[float], count: int) -> Tensor:
        """Draw positions in ``shares``, each with its share."""
        weights = torch.tensor(shares, device=self.device)
        return torch.multinomial(weights, count, replacement=True, generator=self._generator)

    def chance(self, share: float, *shape: int) -> Tensor:
        """Draw True with this probability."""
        return self.uniform(*shape) < share
