# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Policies with random weights, for measuring."""

from vla_ros.train import untrained
from vla_ros.train.families.act import ActSize
from vla_ros.train.untrained import checkpoint_beside, unfolded_beside, write_untrained

SIZE = ActSize(chunk_size=5, dim_model=16, dim_feedforward=32, n_heads=2, n_encoder_layers=1)


def test_run_that_was_interrupted_does_not_stand_in_the_way_of_the_next(tmp_path, monkeypatch):
    path, written = tmp_path / 'act', []

    def export(checkpoint, facts, output, *rest):
        output.mkdir()  # which fails where it is there, as the export does
        written.append(output)

    monkeypatch.setattr(untrained, 'export', export)
    for left in (checkpoint_beside(path), unfolded_beside(path)):
        left.mkdir()
        (left / 'half').touch()
    write_untrained(path, 32, 64, SIZE)
    assert written == [unfolded_beside(path), path]  # the bundle that is looked for comes last
    assert not list(tmp_path.glob('*/half'))
