"""The losses against the formulas of the paper, the penalties against finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facevalue.lab.gan.losses import discriminator_loss, generator_loss, penalty, squared_gradients
from facevalue.lab.gan.networks import Discriminator, build
from facevalue.lab.gan.recipe import Shape

SCORES = st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=8)
SHAPE = Shape(side_px=16, capacity=128, widest=16, latent=8, group=8)


def tensors(pairs: list[tuple[float, float]]) -> tuple[torch.Tensor, torch.Tensor]:
    real, fake = torch.tensor(pairs, dtype=torch.float64).unbind(1)
    return real, fake


@given(SCORES)
def test_the_losses_are_those_of_the_paper(pairs: list[tuple[float, float]]) -> None:
    real, fake = tensors(pairs)
    judge = np.mean([math.log1p(math.exp(-(r - f))) for r, f in pairs])
    forger = np.mean([math.log1p(math.exp(-(f - r))) for r, f in pairs])
    assert float(discriminator_loss(real, fake)) == pytest.approx(judge, rel=1e-5, abs=1e-6)
    assert float(generator_loss(real, fake)) == pytest.approx(forger, rel=1e-5, abs=1e-6)


@given(SCORES, st.floats(-100, 100))
def test_only_differences_of_scores_count(pairs: list[tuple[float, float]], shift: float) -> None:
    real, fake = tensors(pairs)
    moved = float(discriminator_loss(real + shift, fake + shift))
    assert moved == pytest.approx(float(discriminator_loss(real, fake)), rel=1e-3, abs=1e-4)


@given(SCORES)
def test_the_two_sides_mirror_each_other(pairs: list[tuple[float, float]]) -> None:
    real, fake = tensors(pairs)
    assert float(discriminator_loss(real, fake)) == float(generator_loss(fake, real))


def test_even_scores_cost_ln_2_and_pull_in_opposite_directions() -> None:
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    loss = discriminator_loss(real, fake)
    assert float(loss.detach()) == pytest.approx(math.log(2))
    up, down = torch.autograd.grad(loss, (real, fake))
    assert torch.allclose(up, torch.full((4,), -0.125))
    assert torch.allclose(down, -up)


@pytest.fixture(scope="module")
def judge() -> Discriminator:
    """One whose blocks do something: at the start they are identities."""
    net = build(SHAPE, 5)[1].double()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


def test_the_squared_gradient_is_that_of_finite_differences(judge: Discriminator) -> None:
    torch.manual_seed(1)
    pictures = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    asked = pictures.clone().requires_grad_()
    found = squared_gradients(judge(asked), asked)
    step = 1e-5
    moves = torch.eye(pictures[0].numel(), dtype=torch.float64).view(-1, 3, 16, 16) * step
    with torch.no_grad():
        for picture, squared in zip(pictures, found, strict=True):
            slopes = (judge(picture + moves) - judge(picture - moves)) / (2 * step)
            assert float(squared) == pytest.approx(float(slopes.square().sum()), rel=1e-4)


def test_the_penalty_is_differentiable_in_the_weights(judge: Discriminator) -> None:
    torch.manual_seed(2)
    pictures = torch.randn(2, 3, 16, 16, dtype=torch.float64).requires_grad_()
    weight = judge.from_rgb.weight

    def value() -> torch.Tensor:
        return penalty(squared_gradients(judge(pictures), pictures), 2.0)

    (slope,) = torch.autograd.grad(value(), weight)
    step, around = 1e-3, []
    for side in (step, -step):
        with torch.no_grad():
            weight[0, 0, 0, 0] += side
        around.append(float(value().detach()))
        with torch.no_grad():
            weight[0, 0, 0, 0] -= side
    assert float(slope[0, 0, 0, 0]) == pytest.approx((around[0] - around[1]) / (2 * step), rel=0.02)


def test_a_linear_judge_is_punished_by_half_gamma_times_its_slope_squared() -> None:
    pictures = torch.zeros(3, 3, 4, 4, requires_grad=True)
    slope = torch.arange(48.0).view(3, 4, 4)
    squared = squared_gradients((pictures * slope).sum(dim=(1, 2, 3)), pictures)
    assert torch.allclose(squared, slope.square().sum().expand(3))
    assert float(penalty(squared, 0.5)) == pytest.approx(0.25 * float(slope.square().sum()))


def test_no_score_depends_on_another_picture(judge: Discriminator) -> None:
    torch.manual_seed(3)
    pictures = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(judge(pictures), torch.cat([judge(p[None]) for p in pictures]))
