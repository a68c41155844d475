# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The placements that ship can be read, and name only nodes that are there."""

from pathlib import Path

import pytest

from vla_ros.core.config import config_names, find_config
from vla_ros.deployment.deployment import load_deployment
from vla_ros.runtime.placement import load_placement

FOLDER = find_config('placement', 'cpu').parent


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.yaml')), ids=lambda path: path.stem)
def test_a_placement_places_nodes_of_the_jobs_that_ship(path: Path) -> None:
    jobs = [load_deployment(name) for name in config_names('')]
    names = {entry.name for job in jobs for entry in job.nodes}
    assert set(load_placement(path).nodes) <= names


def test_the_command_loop_shares_no_core_with_inference_on_the_imx95() -> None:
    placement = load_placement(find_config('placement', 'imx95'))
    loop = set(placement.node('action_queue').cores)
    for name in ('vision_encoder', 'llm_backbone', 'action_expert'):
        assert not loop & set(placement.node(name).cores)
