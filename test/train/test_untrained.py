# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Policies with random weights, for measuring."""

import pytest

from vla_ros.train import untrained
from vla_ros.train.families import act
from vla_ros.train.families.act import ActSize
from vla_ros.train.untrained import checkpoint_beside, unfolded_beside, write_untrained

SIZE = ActSize(chunk_size=5, dim_model=16, dim_feedforward=32, n_heads=2, n_encoder_layers=1)


@pytest.fixture
def written(monkeypatch):
    """Have small policies exported for show; return the list of the folders."""
    folders = []

    def export(checkpoint, facts, output, *rest):
        output.mkdir()  # which fails where it is there, as the export does
        folders.append(output)

    monkeypatch.setattr(untrained, 'export', export)
    monkeypatch.setattr(act, 'USUAL', SIZE)
    return folders


def test_run_that_was_interrupted_does_not_stand_in_the_way_of_the_next(tmp_path, written):
    path = tmp_path / 'act'
    for left in (checkpoint_beside(path), unfolded_beside(path)):
        left.mkdir()
        (left / 'half').touch()
    write_untrained(path, 'act', 32, 64)
    assert written == [unfolded_beside(path), path]  # the bundle that is looked for comes last
    assert not list(tmp_path.glob('*/half'))
