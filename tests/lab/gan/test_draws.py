"""All the chance there is: a function of the seed and the step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from facevalue.lab.gan.draws import draw, looks, order
from facevalue.lab.gan.recipe import Recipe

RECIPE = Recipe(batch=8, seed=5)


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 5))
def test_every_pass_shows_every_picture_once(seed: int, pictures: int, turn: int) -> None:
    assert sorted(order(seed, turn * pictures, pictures, pictures)) == list(range(pictures))


@given(st.integers(0, 500), st.integers(0, 60), st.integers(0, 60), st.integers(1, 40))
def test_the_order_is_one_endless_row(start: int, first: int, second: int, pictures: int) -> None:
    whole = order(1, start, first + second, pictures)
    parts = np.concatenate([order(1, start, first, pictures), order(1, start + first, second, pictures)])
    assert np.array_equal(whole, parts)


def test_passes_and_seeds_differ() -> None:
    assert not np.array_equal(order(1, 0, 40, 40), order(1, 40, 40, 40))
    assert not np.array_equal(order(1, 0, 40, 40), order(2, 0, 40, 40))


def test_a_step_draws_the_same_whenever_it_is_asked() -> None:
    torch.manual_seed(1)
    first = draw(RECIPE, 17, 100)
    torch.manual_seed(2)
    again, other = draw(RECIPE, 17, 100), draw(RECIPE, 18, 100)
    assert np.array_equal(first.rows, again.rows)
    assert torch.equal(first.flip, again.flip)
    assert all(torch.equal(a, b) for a, b in zip(first.latents, again.latents, strict=True))
    assert not torch.equal(first.latents[0], first.latents[1])
    assert not torch.equal(first.latents[0], other.latents[0])
    for turn, same in zip(first.changes, again.changes, strict=True):
        for one, two in zip(turn, same, strict=True):
            assert torch.equal(one.numbers, two.numbers)
    assert not torch.equal(first.changes[0][0].numbers, first.changes[0][1].numbers)


def test_without_flip_nothing_is_mirrored() -> None:
    assert not any(draw(replace(RECIPE, flip=False), step, 9).flip.any() for step in range(5))
    assert any(draw(RECIPE, step, 9).flip.any() for step in range(5))


def test_the_first_looks_do_not_depend_on_how_many_are_wanted() -> None:
    assert torch.equal(looks(4, 3, 6), looks(4, 9, 6)[:3])
    assert not torch.equal(looks(4, 3, 6), looks(5, 3, 6))
