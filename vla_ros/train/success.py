# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How often a checkpoint succeeds in simulation, on both sets: what a run is judged by."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.core.units import find_other_units
from vla_ros.dataset.feature_names import camera_name
from vla_ros.dataset.stored import stored_bounds
from vla_ros.evaluation.protocol import plan_set, score
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.sim.rollout import Predicts, Rollout, RolloutConfig
from vla_ros.sim.task import TaskChoice
from vla_ros.train.checkpoint import (
    Checkpoint,
    DatasetFacts,
    joint_names,
    load_checkpoint,
    load_facts,
)
from vla_ros.train.export import export
from vla_ros.train.frames import ACTION

TASK = TaskChoice()
SETS = ('test', 'validation')
_SEED = 1  # of the episodes that choose a checkpoint; `vla_ros evaluate` plays others


def find_obstacle(
    features: Mapping[str, dict[str, Any]],
    task: TaskChoice = TASK,
    stats: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """Return why policies of a dataset with these features cannot be played in simulation."""
    pictures = [key for key, item in features.items() if item['dtype'] in ('video', 'image')]
    names = joint_names(features)
    obstacle = task.type.find_obstacle({*map(camera_name, pictures)}, names)
    if obstacle or not stats or ACTION not in stats:
        return obstacle
    other = find_other_units(names, stored_bounds(stats, ACTION))
    return other and f'its joints are not in rad: {other}'


def measure_success(
    path: Path,
    episodes: int,
    device: str = 'cpu',
    vlm: str | None = None,
    task: TaskChoice = TASK,
) -> Mapping[str, float]:
    """Return the share of ``episodes`` in which the checkpoint succeeds, for each set."""
    policy = open_policy(load_checkpoint(path, device, vlm), load_facts(path))
    robot = load_robot(find_config('robots', task.type.robot))
    rollout = Rollout(policy, robot, RolloutConfig(task=task))
    plan = rollout.task.plan
    try:
        played = {
            name: [rollout.play(planned) for planned in plan_set(plan, name, episodes, _SEED)]
            for name in SETS
        }
    finally:
        rollout.close()
    return {name: score(results).success.value for name, results in played.items()}


def open_policy(checkpoint: Checkpoint, facts: DatasetFacts) -> Predicts:
    """Return the policy as it will be deployed: in blocks."""
    with TemporaryDirectory() as folder:
        bundle = Path(folder) / 'bundle'
        export(checkpoint, facts, bundle)
        return Policy(load_bundle(bundle), Placement(default=NodePlacement(threads=1)))
