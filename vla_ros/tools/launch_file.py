# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A deployment in the terms of `ros2 launch`: what the files in launch/ share.

It imports launch and launch_ros, so nothing else in the package imports it.
"""

import asyncio
import atexit
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteLocal,
    OpaqueCoroutine,
    OpaqueFunction,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch.logging import get_logger, launch_config
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from vla_ros.core.errors import suggest
from vla_ros.deployment.deployment import (
    Argument,
    Deployment,
    ProcessSpec,
    as_text,
    load_deployment,
)
from vla_ros.deployment.executables import PACKAGE, check_robots, find_executable
from vla_ros.deployment.leftovers import clear_shared_memory
from vla_ros.deployment.remarks import find_remarks
from vla_ros.deployment.restarts import (
    EPISODES_FAILED,
    LOOK_PERIOD,
    RESPAWN_DELAY,
    FrozenWatch,
    RestartBudget,
)
from vla_ros.deployment.supervisor import NOT_ALL, describe_exit, describe_loss
from vla_ros.runtime.latch import RUN
from vla_ros.runtime.tether import LAUNCHER

LOGGER = get_logger('vla_ros')


def describe_deployment(name: str) -> LaunchDescription:
    """Return the description that declares the deployment's arguments and starts its nodes."""
    deployment = load_deployment(name)
    return LaunchDescription(
        [
            *map(declare_argument, deployment.arguments),
            OpaqueFunction(function=start_nodes, args=[deployment]),
        ]
    )


def describe_any_deployment() -> LaunchDescription:
    """Return the description that starts the nodes of the deployment that its argument names."""

    def start(context: LaunchContext) -> list[Node | OpaqueCoroutine]:
        return start_nodes(context, load_deployment(deployment.perform(context)))

    deployment = LaunchConfiguration('deployment')
    text = 'name of a deployment, or its file; it takes its own arguments, too (vla_ros up -s)'
    return LaunchDescription(
        [
            DeclareLaunchArgument('deployment', description=text),
            OpaqueFunction(function=start),
        ]
    )


def declare_argument(argument: Argument) -> DeclareLaunchArgument:
    """Return launch's form of an argument."""
    return DeclareLaunchArgument(
        argument.name,
        default_value=as_text(argument.default),
        description=argument.description,
        choices=[as_text(choice) for choice in argument.choices] or None,
    )


def start_nodes(context: LaunchContext, deployment: Deployment) -> list[Node | OpaqueCoroutine]:
    """
    Return the nodes for the arguments' values; their parameters lie with the run's logs.

    Raise ConfigError before the first of them starts, where one of them can't.
    """
    names = {argument.name for argument in deployment.arguments}
    given = context.launch_configurations
    chosen = {name: given[name] for name in names & given.keys()}
    specs = deployment.resolve(chosen)
    check_robots(specs, context.environment)
    said = {word.partition(':=')[0] for word in context.argv}  # launch knows a default of the rest
    told = {name: value for name, value in chosen.items() if name in said}
    for remark in (*find_remarks(deployment, specs, told), *find_unknown(said, names)):
        LOGGER.warning(remark)
    nodes = [make_node(spec, Path(launch_config.log_dir)) for spec in specs]
    clear_shared_memory()
    atexit.register(clear_shared_memory)  # after the nodes: what is registered last comes first
    atexit.register(end_nodes, nodes)
    replaceable = [node for node, spec in zip(nodes, specs, strict=True) if spec.respawn]
    return [*nodes, *([kill_frozen(replaceable)] if replaceable else [])]


def find_unknown(said: Collection[str], names: Collection[str]) -> Iterator[str]:
    """
    Yield a line for each argument of the command line that launch drops without a word.

    Only those that look like one of the deployment's: where another launch file includes it, the
    rest may be that one's.
    """
    for name in sorted(set(said) - set(names)):
        if meant := suggest(name, names):
            yield f'argument {name}: there is none of this name: it changes nothing{meant}'


def end_nodes(nodes: Sequence[ExecuteLocal], grace: float = 5.0) -> None:
    """
    End nodes that launch leaves behind, as it does at SIGTERM; wait up to ``grace`` s for them.

    They would end without launch, too, but where it is the first process of a container they would
    be killed with it.
    """
    details = [node.process_details for node in nodes if node.return_code is None]
    pids = [entry['pid'] for entry in details if entry and is_running_child(entry['pid'])]
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + grace
    while any(map(is_running_child, pids)) and time.monotonic() < end:
        time.sleep(0.02)


def is_running_child(pid: int) -> bool:
    """Say whether a process is a child of this one that has not ended."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def kill_frozen(nodes: Sequence[ExecuteLocal]) -> OpaqueCoroutine:
    """
    Return the action that kills any of the nodes that is frozen, so that it is respawned.

    At shutdown launch cancels it, and takes a coroutine that passes that on for its own
    cancellation: it would no longer wait for the nodes.
    """

    async def look(context: LaunchContext) -> None:
        watch = FrozenWatch()
        with suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(LOOK_PERIOD)
                kill(watch)

    def kill(watch: FrozenWatch) -> None:
        pids = [pid for node in nodes if (pid := (node.process_details or {}).get('pid'))]
        for pid in watch.look(pids, time.monotonic()):
            LOGGER.warning(f'process {pid} is frozen (stopped by a signal): killing it')
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    return OpaqueCoroutine(coroutine=look)


def make_node(spec: ProcessSpec, folder: Path) -> Node:
    """Return launch's form of a process, which ends with launch; raise ConfigError for none."""
    launcher, argv = str(os.getpid()), find_executable(spec)
    if spec.package != PACKAGE:  # it doesn't watch the launcher by itself
        argv = [sys.executable, '-m', 'vla_ros.runtime.tether', launcher, *argv]
    return Node(
        executable=argv[0],
        name=spec.name,
        exec_name=spec.name,
        namespace=spec.namespace,
        parameters=[str(spec.write_parameters(folder))],
        remappings=list(spec.remappings.items()),
        arguments=[*argv[1:], *spec.arguments],
        additional_env={**spec.env, LAUNCHER: launcher, RUN: str(folder)},
        output='screen',
        emulate_tty=True,
        respawn=spec.respawn,
        respawn_delay=RESPAWN_DELAY,
        on_exit=when_ended(spec),
    )


def when_ended(spec: ProcessSpec) -> Callable[[ProcessExited, LaunchContext], list[Shutdown]]:
    """Return what the end of a process means for the others."""
    budget = RestartBudget()

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Shutdown]:
        if context.is_shutdown or not (spec.required or spec.ends_run or spec.respawn):
            return []
        if spec.respawn:
            if budget.allows(spec.name, time.monotonic(), event.returncode):
                return []
            raise RuntimeError(f'{spec.name} {describe_loss(event.returncode)}')
        if spec.ends_run and event.returncode == 0:
            return [Shutdown(reason=f'{spec.name} is done')]
        if spec.ends_run and event.returncode == EPISODES_FAILED:
            raise RuntimeError(f'{spec.name} is done, and {NOT_ALL}')
        # An exception makes `ros2 launch` end with 1; after a Shutdown it would end with 0.
        end = describe_exit(event.returncode)
        raise RuntimeError(f'{spec.name} died ({end}), and the run needs it')

    return on_exit
