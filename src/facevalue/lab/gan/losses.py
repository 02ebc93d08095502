"""What each network wants: the relativistic pairing loss with zero-centred gradient penalties on both sides.

R3GAN, section 2: a plain GAN loss has minima in which the generator drops modes; comparing each fake with a real one
removes them (2.1, after Jolicoeur-Martineau 2019 and Sun et al. 2020); alone it does not converge, with R1 and R2 it
does (2.2, Mescheder et al. 2018). All values here are means over the batch, in float32 whatever the networks ran in.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812 - the name that torch's users know


def discriminator_loss(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Every real picture should score higher than the fake it is paired with: mean softplus(-(D(x) - D(G(z)))).

    Both float (N,); the result is a scalar. Equation 2 of the paper with f(t) = -log(1 + exp(-t)).
    """
    return F.softplus(fake_scores.float() - real_scores.float()).mean()


def generator_loss(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """The other side of the same coin: mean softplus(-(D(G(z)) - D(x)))."""
    return F.softplus(real_scores.float() - fake_scores.float()).mean()


def squared_gradients(scores: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    """The squared length of dD(x)/dx for each picture: float32 (N,), differentiable once more.

    scores: (N,), computed from pictures (N, C, H, W), which need a gradient. No score may depend on another picture.
    R1 is gamma / 2 times the mean of this over real pictures, R2 the same over fakes (equations 4 and 5): the
    discriminator is asked to be flat where the data are and where the generator is.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3))


def penalty(squared: torch.Tensor, gamma: float) -> torch.Tensor:
    """gamma / 2 times the mean: R1 or R2, a scalar."""
    return squared.mean() * (gamma / 2)
