# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands take; they are called and mean the same in all of them."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from vla_ros.core.defaults import TASK
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import check_folder, check_writable

if TYPE_CHECKING:
    from vla_ros.core.robot import RobotSpec
    from vla_ros.dataset.streams import TopicChoice
    from vla_ros.sim.task import TaskChoice


def add_topic_choice(parser: ArgumentParser) -> None:
    """Declare which of a bag's topics are meant."""
    parser.add_argument(
        '--namespace',
        default='',
        metavar='NAME',
        help="the robot's namespace, where a bag holds the topics of several",
    )
    parser.add_argument(
        '--topic',
        action='append',
        default=[],
        metavar='ROLE:=TOPIC',
        help='which topic of a bag is meant, where its name does not say it or several could be: '
        'joint_states:=/follower/joint_states, camera/front:=/zed/image; may be given several '
        'times',
    )


def topic_choice(args: Namespace) -> 'TopicChoice':
    """Return what the arguments of `add_topic_choice` say; raise ConfigError for another word."""
    from vla_ros.dataset.streams import parse_choice

    return parse_choice(args.namespace, args.topic)


class Existing(type(Path())):  # type: ignore[misc]
    """The path of something that a command reads."""


class Written(type(Path())):  # type: ignore[misc]
    """The path of a file that a command writes when its work is done."""


class Made(type(Path())):  # type: ignore[misc]
    """The path of a folder that a command fills."""


def given_path(text: str) -> Path:
    """Return a path; refuse none at all, which is what an unset variable of the shell gives."""
    if not text.strip():
        raise ArgumentTypeError('got an empty path, expected a file or a folder; name it')
    try:
        path = Path(text).expanduser()
        return path if path.name not in ('', '..') else path.resolve()  # . has no name of its own
    except RuntimeError:
        raise ArgumentTypeError(
            f'got {text!r}, whose home is not known, expected a path; write it out'
        ) from None


def existing(text: str) -> Existing:
    """Return the path of what is read."""
    return Existing(given_path(text))


def written(text: str) -> Written:
    """Return the path of a file that is written."""
    return Written(given_path(text))


def made(text: str) -> Made:
    """Return the path of a folder that is filled."""
    return Made(given_path(text))


def check_paths(args: Namespace) -> None:
    """Raise ConfigError, before anything is loaded, for a path that will not do."""
    values = [
        value if isinstance(value, list | tuple) else (value,) for value in vars(args).values()
    ]
    paths = list(chain.from_iterable(values))
    for path in paths:
        if isinstance(path, Existing) and not path.exists():
            raise ConfigError(f'{path}: not there, expected a file or a folder; check the path')
        if isinstance(path, Written):
            check_writable(path)
            _spare(path, [path for path in paths if isinstance(path, Existing)])
        if isinstance(path, Made):
            check_folder(path)


def _spare(path: Path, read: Iterable[Path]) -> None:
    """Raise ConfigError where writing a file would destroy what is read; a report is not that."""
    file = path.resolve()
    for source in read:
        inside = {source.resolve()} & {file, *file.parents}
        if path.is_file() and inside and (path.suffix != '.html' or path == source):
            raise ConfigError(f'{path}: is part of {source}, which is read; name another file')


def refuse_options(args: Namespace, options: Collection[str], where: str) -> None:
    """Raise ConfigError for one of the options that was given; ``where`` says why not here."""
    unheeded = sorted(given_options(args) & {*options})
    if unheeded:
        option = unheeded[0].replace('_', '-')
        raise ConfigError(f'--{option}: got it {where}, where it changes nothing; leave it out')


def given_options(args: Namespace, besides: Collection[str] = ()) -> frozenset[str]:
    """Return the options that the command line itself gives, but for those that are named."""
    given: frozenset[str] = getattr(args, 'given', frozenset())
    return given - {*besides, 'run', 'arguments', 'dataset'}


def add_json(parser: ArgumentParser, what: str) -> None:
    """Declare the file for programs that a command may write."""
    parser.add_argument('--json', type=written, metavar='FILE', help=f'write {what} to FILE')


def add_dataset(parser: ArgumentParser, text: str, **more: Any) -> None:
    """Declare the dataset, which may be named by itself or behind --dataset."""
    settings: dict[str, Any] = {'type': existing, 'metavar': 'FOLDER', **more}
    parser.add_argument('dataset', nargs='?', default=SUPPRESS, help=text, **settings)
    parser.add_argument('--dataset', help='the same, as an option', **settings)


def chosen_dataset(args: Namespace) -> Any:
    """Return what the arguments of `add_dataset` say; raise ConfigError where it is missing."""
    if not args.dataset:
        raise ConfigError('dataset: got none, expected the folder of one: --dataset FOLDER')
    return args.dataset


def command(text: str, *values: object) -> str:
    """Return a command line that a shell takes as it stands, {} in ``text`` being the values."""
    return text.format(*(quote(str(value)) for value in values))


def repeated(args: Namespace, *options: str) -> str:
    """Return the words of those ``options`` that were given, for the command that comes next."""
    given = ((name, getattr(args, name)) for name in options)
    return ''.join(command(f' --{name} {{}}', value) for name, value in given if value)


def tell_end(reports: Iterable[Path | str | None] = (), following: str = '') -> None:
    """Print where the results of a command lie, and what one would do next."""
    for path in filter(None, reports):
        print(f'report: {path}', flush=True)
    if following:
        print(f'next: {following}', flush=True)


def add_task(parser: ArgumentParser) -> None:
    """Declare what is simulated."""
    parser.add_argument('--task', default=TASK, help='that is simulated: a name, or module:class')
    parser.add_argument('--plan', default='', help="a name, or a file (default: the task's)")


def add_arm(parser: ArgumentParser) -> None:
    """Declare whose limits are kept in a simulation."""
    parser.add_argument(
        '--robot',
        default='',
        metavar='NAME',
        help="limits of the arm: a name or a file (default: the task's)",
    )


def chosen_task(args: Namespace) -> 'TaskChoice':
    """Return what the arguments of `add_task` say."""
    from vla_ros.sim.task import TaskChoice

    return TaskChoice(args.task, args.plan)


def chosen_arm(args: Namespace) -> 'RobotSpec':
    """Return the robot that --robot names, else that of the task; raise ConfigError."""
    from vla_ros.core.config import find_config
    from vla_ros.core.robot import load_robot

    return load_robot(find_config('robots', args.robot or chosen_task(args).type.robot))


def add_units(parser: ArgumentParser) -> None:
    """Declare in what unit the joints of LeRobot's data are."""
    parser.add_argument(
        '--units',
        choices=('rad', 'degrees', 'normalized'),
        default='',
        help="of the data's joints, which LeRobot does not say: degrees, or normalized (-100 to "
        '100), each with a gripper of 0 to 100, as lerobot-record writes them; what comes out is '
        'in rad (default: rad, and an error where that can not be)',
    )
    parser.add_argument(
        '--robot',
        default='',
        metavar='NAME',
        help='the arm that recorded the data, in config/robots, or the path of its file: its '
        'limits are the ends of shares, and what goes beyond them is refused',
    )


def refuse_units(args: Namespace, root: Path) -> None:
    """Raise ConfigError where a unit is said of bags, which ROS has in rad."""
    if args.units not in ('', 'rad'):
        raise ConfigError(
            f'--units: got {args.units} for the bags in {root}, expected rad, in which '
            'sensor_msgs/JointState is; leave it out, and mend the driver where they are not'
        )


def chosen_robot(args: Namespace) -> 'RobotSpec | None':
    """Return the robot that the arguments of `add_units` name, if any; raise ConfigError."""
    from vla_ros.core.config import find_config
    from vla_ros.core.robot import load_robot

    return load_robot(find_config('robots', args.robot)) if args.robot else None
