# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the action queue."""

from dataclasses import dataclass

from vla_ros.core.blending import AGGREGATES
from vla_ros.core.defaults import ROBOT
from vla_ros.core.settings import MODES
from vla_ros.ros.params import Change, param
from vla_ros.ros.watchdog import LEASE
from vla_ros.runtime.time_slices import CONTROL, LONGEST

FOLLOW_JOINT_TRAJECTORY = 'follow_joint_trajectory'  # a command_type


@dataclass(frozen=True)
class ActionQueueParams:
    """Parameters of the action_queue node; those of ExecutorConfig have its names."""

    robot: str = param(ROBOT, "The robot's file in config/robots, or its path.")
    rate: float = param(60.0, 'Commands per second.', 1.0, 1000.0)
    mode: str = param(
        'async', 'async: ask for chunks ahead; sync: when the queue is empty.', choices=MODES
    )
    chunk_size_threshold: float = param(
        0.2,
        'Fill of the queue (0 to 1) at which the next chunk is asked for.',
        0.0,
        1.0,
        change=Change.RUNNING,
    )
    aggregate_fn_name: str = param(
        'weighted_average',
        'How overlapping chunks are blended.',
        choices=tuple(AGGREGATES),
        change=Change.RUNNING,
    )
    temporal_ensemble_coeff: float = param(
        0.01,
        'Of temporal_ensemble: above 0, older chunks weigh more.',
        -100.0,
        100.0,
        change=Change.RUNNING,
    )
    request_timeout: float = param(
        5.0,
        'Seconds after which an unanswered request is repeated; at most, for it is repeated after '
        'four times the usual latency (p95), but no sooner than after 1 s.',
        0.01,
        600.0,
    )
    jump_time: float = param(
        0.5,
        'A chunk is refused whose first row a joint could not reach in so many seconds.',
        0.01,
        60.0,
    )
    joint_state_timeout: float = param(
        0.08, 'Seconds after which a joint state is too old: the arm brakes and holds.', 0.01, 10.0
    )
    observation_timeout: float = param(
        10.0, 'Seconds after which an observation is too old to act on.', 0.1, 600.0
    )
    budget_chunks: int = param(
        3,
        'Chunks that are asked for and not played before the arm first moves, to measure the '
        'latency; the first of them pays for the warm-up. 0: it goes without.',
        0,
        100,
    )
    auto_budget: bool = param(
        False, 'Raise chunk_size_threshold where the queue would run dry, instead of refusing.'
    )
    real_time_chunking: bool = param(
        False, 'Send what is queued with each request, for a flow policy that continues it.'
    )
    enabled: bool = param(False, 'Whether commands follow chunks from the start on.')
    command_type: str = param(
        'trajectory',
        'What is commanded: trajectory (joint_commands of the robot node, or of a '
        'joint_trajectory_controller, one command for each tick), positions (those of a '
        "forward_command_controller with the robot's joints in their order), or "
        'follow_joint_trajectory (the action of a joint_trajectory_controller, which then has all '
        'that is queued; joint_commands are for whoever records).',
        choices=('trajectory', 'positions', FOLLOW_JOINT_TRAJECTORY),
    )
    action: str = param(
        'joint_trajectory_controller/follow_joint_trajectory',
        'Of follow_joint_trajectory: the name of the action.',
    )
    dry_run: bool = param(
        False, 'Publish on ~/dry_run_commands what would be commanded; command nothing.'
    )
    time_slice: float = param(
        CONTROL,
        'Seconds that the control loop computes at a stretch where others want its core: the '
        'fewer, the sooner Linux (6.12) wakes it. 0: as the kernel likes.',
        0.0,
        LONGEST,
    )
    watched_nodes: str = param(
        '',
        'Nodes, separated by commas, without which the arm holds: they must be active.',
        change=Change.START,
    )
    watch_lease: float = param(
        LEASE,
        'Seconds without a sign of life after which a watched node is gone.',
        0.15,
        60.0,
        change=Change.START,
    )
