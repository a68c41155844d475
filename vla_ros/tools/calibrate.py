# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Calibrate an SO-101 or SO-100, leader or follower, as lerobot-calibrate does.

The motors are switched off: hold the arm. First the arm is put into the middle of every joint's
range, then every joint is moved through its whole range. The result is LeRobot's own file, and is
written into the servos. --restore writes a file that is there into the servos instead.
"""

import select
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import closing

from vla_ros.core.config import find_config
from vla_ros.core.defaults import REAL_ROBOT
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import load_robot
from vla_ros.hardware.calibrate import Calibrator, restore, usual_ids
from vla_ros.hardware.calibration import find_calibration, load_calibration, save_calibration
from vla_ros.hardware.feetech import ServoBus
from vla_ros.tools.prompt import ask

KINDS = {'follower': 'robots/so_follower', 'leader': 'teleoperators/so_leader'}
LOOK = 0.05  # s between two looks at the arm


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('name', help="LeRobot's id of the arm, or the path of the file (.json)")
    parser.add_argument('--port', required=True, help='of the arm; see vla_ros find-ports')
    parser.add_argument(
        '--kind', choices=sorted(KINDS), default='follower', help='which arm it is'
    )
    parser.add_argument('--robot', default=REAL_ROBOT, help='joints: a name or a file')
    parser.add_argument('--restore', action='store_true', help='write the file into the servos')
    parser.add_argument('--force', action='store_true', help='write over a file that is there')
    parser.add_argument('--answer-time', type=float, default=0.05, help='s a servo has to answer')


def run(args: Namespace) -> int:
    """Calibrate the arm, or restore its calibration; return the exit code."""
    robot = load_robot(find_config('robots', args.robot))
    path = find_calibration(args.name, KINDS[args.kind])
    if path.exists() and not (args.force or args.restore):
        raise ConfigError(f'{path}: is there already; --force replaces it, --restore uses it')
    with closing(ServoBus(args.port, args.answer_time)) as bus:
        if args.restore:
            restore(bus, load_calibration(path, robot.joint_names))
            print(f'{path} is in the servos now; the motors are off')
        else:
            save_calibration(path, _calibrate(bus, usual_ids(robot.joint_names)).finish())
            print(f'written to {path} and into the servos; keep a copy of it')
    return 0


def _calibrate(bus: ServoBus, ids: Mapping[str, int]) -> Calibrator:
    """Lead a person through it."""
    print('The motors are going off: hold the arm.', flush=True)
    calibrator = Calibrator(bus, ids)
    ask('Put every joint into the middle of its range, and press ENTER. ')
    calibrator.set_middle()
    print('Move every joint but wrist_roll through its whole range. ENTER ends it.', flush=True)
    while not select.select([sys.stdin], [], [], LOOK)[0]:
        calibrator.watch()
    sys.stdin.readline()
    calibrator.watch()
    for name in ids:
        print(f'{name:14} {calibrator.low[name]:5} to {calibrator.high[name]:5}')
    return calibrator
