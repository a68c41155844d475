# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Write the files of a robot of one's own: joints and limits, what runs it, what records it, a plan.

Joints and cameras are named once, here; the four files agree on them, and are loaded as the nodes
load them before the command ends.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import check_folder, write_text
from vla_ros.core.picture_size import NOTATION
from vla_ros.tools.arguments import command, made, tell_end


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument('name', help='of the robot, and of the folder')
    parser.add_argument(
        '--joints',
        nargs='+',
        required=True,
        metavar='NAME=LOWER:UPPER',
        help="in the driver's words and order, with rad (or nothing), deg, m or mm behind: "
        'pan=-1.9:1.9 elbow=-90:90deg gripper=0:80mm; without limits they are guessed',
    )
    parser.add_argument(
        '--cameras',
        nargs='+',
        required=True,
        metavar=f'NAME=DEVICE:{NOTATION}@FPS',
        help='front=/dev/video0:640x480@30; size and rate may be left out',
    )
    parser.add_argument(
        '--driver',
        default='',
        help="of the robot node: so101, lerobot or module:class (default: the robot's own driver "
        'runs elsewhere)',
    )
    parser.add_argument('--instruction', default='', metavar='TEXT', help='the task in words')
    parser.add_argument('--output', type=made, metavar='FOLDER', help='(default: ./NAME)')


def run(args: Namespace) -> int:
    """Write the files, load them, and say what comes next."""
    from vla_ros.deployment.template import (
        RECORD,
        ROBOT,
        RUN,
        RobotFiles,
        parse_camera,
        parse_joint,
    )

    folder = args.output or Path(args.name)
    joints = [parse_joint(word) for word in args.joints]
    cameras = [parse_camera(word) for word in args.cameras]
    files = RobotFiles(args.name, joints, cameras, args.driver, args.instruction).all()
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise ConfigError(
            f'{folder}: holds {", ".join(there)} already; name another folder, or remove them'
        )
    check_folder(folder)
    for name, text in files.items():
        write_text(folder / name, text)
    try:
        _validate(folder)
    except ConfigError:
        for name in files:
            (folder / name).unlink()
        raise
    for name in files:
        print(f'written: {folder / name}')
    guessed = [joint.name for joint in joints if joint.guessed]
    if guessed:
        print(f'set lower and upper (rad) of {", ".join(guessed)}: they are guessed')
    print('velocities and accelerations are slow guesses: set what the arm can do')
    if args.driver:
        print(f'bound where the arm may be: safety in {folder / ROBOT}, which tells how')
    print('with a policy:', command('vla_ros up {} policy:=./my_policy', folder / RUN))
    tell_end(following=command('vla_ros record --deployment {}', folder / RECORD))
    return 0


def _validate(folder: Path) -> None:
    """Load the files as the nodes will; raise ConfigError for what they would refuse."""
    from vla_ros.core.robot import load_robot
    from vla_ros.dataset.plan import load_plan
    from vla_ros.deployment.deployment import load_deployment
    from vla_ros.deployment.template import PLAN, RECORD, ROBOT, RUN

    load_robot(folder / ROBOT)
    load_plan(folder / PLAN)
    load_deployment(str(folder / RUN)).resolve({})
    load_deployment(str(folder / RECORD)).resolve({})
