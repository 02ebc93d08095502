"""The networks' shapes and beginnings, and the recipe that a file may bring."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facevalue.errors import UsageError
from facevalue.lab.gan.networks import Block, build
from facevalue.lab.gan.recipe import Recipe, Schedule, Shape


@pytest.mark.parametrize(("side", "blocks"), [(16, 2), (32, 1), (64, 1), pytest.param(128, 1, marks=pytest.mark.slow)])
def test_noise_becomes_a_picture_and_a_picture_a_score(side: int, blocks: int) -> None:
    shape = Shape(side_px=side, capacity=side * 8, widest=32, blocks=blocks, latent=5, group=8)
    generator, discriminator = build(shape, 0)
    pictures = generator(torch.randn(2, 5))
    assert pictures.shape == (2, 3, side, side)
    assert discriminator(pictures).shape == (2,)
    discriminator(pictures).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters())


def test_a_block_begins_as_the_identity() -> None:
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(Block(16, Shape(group=8))(x), x)


def test_signals_begin_at_about_unit_size() -> None:
    generator, discriminator = build(Shape(side_px=32, latent=64), 1)
    with torch.no_grad():
        pictures = generator(torch.randn(64, 64))
        scores = discriminator(torch.randn(64, 3, 32, 32))
    assert 0.3 < float(pictures.std()) < 3
    assert float(scores.std()) < 10


def test_the_same_seed_builds_the_same_networks_and_disturbs_nobody() -> None:
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    one, two, other = (build(Shape(side_px=16, group=8), seed)[0].state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@given(st.sampled_from([16, 32, 64, 128]), st.integers(16, 4096), st.integers(16, 512), st.sampled_from([4, 8, 16]))
def test_channels_are_whole_groups_and_never_grow_with_the_side(
    side: int, capacity: int, widest: int, group: int
) -> None:
    shape = Shape(side_px=side, capacity=capacity, widest=widest, group=group)
    channels = [shape.channels(s) for s in shape.sides]
    assert all(c % group == 0 and c >= group for c in channels)
    assert channels == sorted(channels, reverse=True)
    assert (shape.sides[0], shape.sides[-1]) == (4, side)


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(-1, 3))
def test_a_schedule_stays_between_its_ends(first: float, last: float, share: float) -> None:
    value = Schedule(first, last).at(share)
    assert min(first, last) - 1e-9 <= value <= max(first, last) + 1e-9
    if share <= 0:
        assert value == pytest.approx(first)
    if share >= 1:
        assert value == pytest.approx(last)


def test_a_schedule_is_half_a_cosine() -> None:
    schedule = Schedule(1.0, 0.0)
    assert [schedule.at(s) for s in (0.25, 0.5, 0.75)] == pytest.approx(
        [(1 + math.cos(math.pi * s)) / 2 for s in (0.25, 0.5, 0.75)]
    )


def test_a_recipe_survives_json() -> None:
    recipe = Recipe(shape=Shape(side_px=32, blocks=2), seed=7, precision="bfloat16", flip=False)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    "changes",
    [
        {"batch": 1},
        {"batch": 10**9},
        {"images": 0},
        {"seed": -1},
        {"augment": 2.0},
        {"augment": float("nan")},
        {"precision": "float8"},
        {"pieces": 99, "batch": 16},
        {"shape": Shape(side_px=48)},
        {"shape": Shape(capacity=10**9)},
        {"shape": Shape(blocks=1000)},
        {"shape": Shape(latent=10**9)},
    ],
)
def test_absurd_numbers_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Recipe(**changes)


@given(st.sampled_from([*Recipe().to_dict()]), st.one_of(st.none(), st.text(), st.lists(st.integers()), st.just({})))
def test_a_recipe_from_a_file_is_a_recipe_or_a_usage_error(name: str, value: Any) -> None:
    values = Recipe().to_dict() | {name: value}
    try:
        made = Recipe.from_dict(values)
    except UsageError:
        return
    assert Recipe.from_dict(json.loads(json.dumps(made.to_dict()))) == made
