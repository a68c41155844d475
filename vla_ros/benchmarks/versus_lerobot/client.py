# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The process of LeRobot's client in the benchmark: LeRobot drives the robot on the ROS topics.

Ends on SIGTERM, and then writes which observation each command came from.
"""

import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, cast

from vla_ros.core.config import find_config
from vla_ros.policy.bundle import load_bundle

if TYPE_CHECKING:
    from vla_ros.benchmarks.versus_lerobot.rosarm import RosArmConfig
    from vla_ros.policy.spec import PolicySpec

PATIENCE = 300.0  # s for the server to load torch


def main(argv: Sequence[str] | None = None) -> int:
    """Play until SIGTERM; return the exit code."""
    args = make_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, leave)
    from vla_ros.benchmarks.versus_lerobot.async_client import (
        make_client,
        run_client,
        wait_for_server,
    )

    spec = load_bundle(find_config('policies', args.policy)).spec
    wait_for_server(args.server, PATIENCE)
    client, journal = make_client(
        make_robot(spec, args.output.parent),
        policy_type=spec.type,
        server_address=args.server,
        pretrained_name_or_path=str(args.checkpoint),
        actions_per_chunk=spec.chunk_size,
        fps=round(spec.fps),
        chunk_size_threshold=args.chunk_size_threshold,
        aggregate_fn_name=args.aggregate_fn_name,
    )
    try:
        run_client(client, spec.instruction)
    finally:
        args.output.write_text(json.dumps(journal.actions()))
    return 0


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('--policy', required=True, help='bundle, for the facts of the policy')
    parser.add_argument('--checkpoint', type=Path, required=True, help='the same policy, degrees')
    parser.add_argument('--server', required=True, help='host:port')
    parser.add_argument('--chunk-size-threshold', type=float, required=True)
    parser.add_argument('--aggregate-fn-name', required=True)
    parser.add_argument('--output', type=Path, required=True, help='file for the commands')
    return parser


def make_robot(spec: 'PolicySpec', folder: Path) -> 'RosArmConfig':
    """Return the robot with the joints and cameras that the policy knows."""
    from vla_ros.benchmarks.probes.arm_link import ArmLink
    from vla_ros.benchmarks.versus_lerobot.rosarm import Link, RosArmConfig

    names = [camera.name for camera in spec.cameras]
    return RosArmConfig(
        id='benchmark',
        calibration_dir=folder / 'calibration',
        link=cast(Link, ArmLink(spec.joint_names, names)),
        joint_names=spec.joint_names,
        cameras_hw={camera.name: (camera.height, camera.width) for camera in spec.cameras},
    )


def leave(number: int, frame: FrameType | None) -> None:
    """End the control loop, wherever it is."""
    raise SystemExit(0)


if __name__ == '__main__':
    sys.exit(main())
