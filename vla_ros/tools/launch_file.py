# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A deployment in the terms of `ros2 launch`: what the files in launch/ share.

It imports launch and launch_ros, so nothing else in the package imports it.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
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

from vla_ros.deployment.deployment import (
    Argument,
    Deployment,
    ProcessSpec,
    as_text,
    load_deployment,
)
from vla_ros.deployment.fastdds import remove_stale_segments
from vla_ros.deployment.restarts import (
    LIMIT,
    LOOK_PERIOD,
    RESPAWN_DELAY,
    WINDOW,
    FrozenWatch,
    RestartBudget,
)
from vla_ros.deployment.supervisor import describe_exit
from vla_ros.runtime.shared_memory import remove_stale_slots

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


def declare_argument(argument: Argument) -> DeclareLaunchArgument:
    """Return launch's form of an argument."""
    return DeclareLaunchArgument(
        argument.name,
        default_value=as_text(argument.default),
        description=argument.description,
        choices=[as_text(choice) for choice in argument.choices] or None,
    )


def start_nodes(context: LaunchContext, deployment: Deployment) -> list[Node | OpaqueCoroutine]:
    """Return the nodes for the arguments' values; their parameters lie with the run's logs."""
    names = [argument.name for argument in deployment.arguments]
    chosen = {name: LaunchConfiguration(name).perform(context) for name in names}
    specs = deployment.resolve(chosen)
    remove_stale_segments()
    remove_stale_slots()
    nodes = [make_node(spec, Path(launch_config.log_dir)) for spec in specs]
    replaceable = [node for node, spec in zip(nodes, specs, strict=True) if spec.respawn]
    return [*nodes, *([kill_frozen(replaceable)] if replaceable else [])]


def kill_frozen(nodes: Sequence[ExecuteLocal]) -> OpaqueCoroutine:
    """Return the action that kills any of the nodes that is frozen, so that it is respawned."""

    async def look(context: LaunchContext) -> None:
        watch = FrozenWatch()
        while True:
            await asyncio.sleep(LOOK_PERIOD)
            pids = [pid for node in nodes if (pid := (node.process_details or {}).get('pid'))]
            for pid in watch.look(pids, time.monotonic()):
                LOGGER.warning(f'process {pid} is frozen (stopped by a signal): killing it')
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    return OpaqueCoroutine(coroutine=look)


def make_node(spec: ProcessSpec, folder: Path) -> Node:
    """Return launch's form of a process."""
    return Node(
        package=spec.package or None,
        executable=spec.executable,
        name=spec.name,
        exec_name=spec.name,
        namespace=spec.namespace,
        parameters=[str(spec.write_parameters(folder))],
        remappings=list(spec.remappings.items()),
        arguments=list(spec.arguments),
        additional_env=dict(spec.env),
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
            if budget.allows(spec.name, time.monotonic()):
                return []
            raise RuntimeError(f'{spec.name} died more than {LIMIT} times in {WINDOW:.0f} s')
        if spec.ends_run and event.returncode == 0:
            return [Shutdown(reason=f'{spec.name} is done')]
        # An exception makes `ros2 launch` end with 1; after a Shutdown it would end with 0.
        end = describe_exit(event.returncode)
        raise RuntimeError(f'{spec.name} died ({end}), and the run needs it')

    return on_exit
