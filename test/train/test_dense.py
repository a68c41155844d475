# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Dense supervision: what a map tells of the things in a picture."""

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from vla_ros.train.dense import CHANNELS, dense_errors, dense_loss, read  # noqa: E402

PICTURE, CELLS = (96, 128), (3, 4)  # px; 32 px a cell
TURN = (np.cos(2 * 0.7), np.sin(2 * 0.7))


def told(things):
    """Return a map that tells of each thing (cell row, column, x, y in cells) and nothing else."""
    maps = torch.zeros(1, len(things) * CHANNELS, *CELLS)
    maps[:, ::CHANNELS] = -20
    for number, (row, column, x, y) in enumerate(things):
        values = torch.tensor([20, x, y, *TURN, 20])
        maps[0, number * CHANNELS : (number + 1) * CHANNELS, row, column] = values
    return maps


def label(x, y, turn=TURN, flag=1.0):
    return torch.tensor([[[x, y, *turn, flag]]], dtype=torch.float32)


def test_what_the_likeliest_cell_tells_is_read_in_pixels():
    seen = read(told([(1, 2, 0.25, -0.5), (0, 0, 0.0, 0.0)]), PICTURE)
    assert seen.shape == (1, 2, 5)
    assert seen[0, 0].numpy() == pytest.approx([88, 32, *TURN, 1], abs=1e-4)
    assert seen[0, 1, :2].numpy() == pytest.approx([16, 16])


def test_map_that_tells_the_truth_at_every_cell_around_has_no_loss():
    x, y = 80.0, 50.0
    maps = told([(1, 2, 0.0, 0.0625)])
    columns, rows = np.meshgrid(np.arange(4) + 0.5, np.arange(3) + 0.5)
    maps[0, 1] = torch.from_numpy(x / 32 - columns)
    maps[0, 2] = torch.from_numpy(y / 32 - rows)
    maps[0, 3], maps[0, 4], maps[0, 5] = *TURN, 20
    assert dense_loss(maps, label(x, y), PICTURE) < 1e-5
    assert dense_loss(maps, label(x + 3, y), PICTURE) > 0.1
    assert dense_loss(maps, label(x, y, turn=(TURN[1], TURN[0])), PICTURE) > 0.1
    assert dense_loss(maps, label(x, y, flag=0.0), PICTURE) > 1


def test_nothing_is_learned_of_what_is_not_known_but_that_it_is_not_there():
    nowhere = torch.full((1, 1, 5), torch.nan)
    maps = told([]).new_zeros(1, CHANNELS, *CELLS).requires_grad_()
    dense_loss(maps, nowhere, PICTURE).backward()
    assert torch.isfinite(maps.grad).all()
    assert (maps.grad[0, 0] > 0).all() and not maps.grad[0, 1:].any()
    maps.grad = None
    dense_loss(
        maps, label(75, 50, turn=(torch.nan, torch.nan), flag=torch.nan), PICTURE
    ).backward()
    assert maps.grad[0, 1].any() and not maps.grad[0, 3:].any()


def test_any_grid_that_divides_the_picture_learns_where_a_thing_is():
    torch.manual_seed(0)
    for cells in ((3, 4), (16, 16)):
        maps = torch.zeros(1, CHANNELS, *cells, requires_grad=True)
        optimizer = torch.optim.Adam([maps], lr=0.1)
        for _ in range(200):
            optimizer.zero_grad()
            loss = dense_loss(maps, label(100, 20), PICTURE)
            loss.backward()
            optimizer.step()
        assert read(maps, PICTURE)[0, 0].detach().numpy() == pytest.approx(
            [100, 20, *TURN, 1], abs=0.7
        )


def test_errors_are_of_half_turns_and_leave_out_what_is_not_there():
    true = np.array([[[10, 10, 1, 0, 1]], [[20, 10, -1, 0, 0]], [[np.nan] * 5]], np.float32)
    seen = np.array([[[13, 14, 0, 1, 0.2]], [[20, 10, -1, 0, 0.3]], [[0, 0, 1, 0, 1]]], np.float32)
    (errors,) = dense_errors(seen, true)
    assert errors.place[0] == pytest.approx(2.5) and errors.flag == 0.5
    assert errors.turn[0] == pytest.approx(np.pi / 8)
    assert '2.50 / 4.50 px' in str(errors) and '22.5' in str(errors)
    (nothing,) = dense_errors(seen[2:], true[2:])
    assert str(nothing) == 'nan / nan px'
