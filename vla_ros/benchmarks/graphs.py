# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Graphs of nodes that run side by side and are shown the same observations in turn."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vla_ros.benchmarks.contestants import random_observations
from vla_ros.core.errors import VlaError
from vla_ros.deployment.domain import isolate
from vla_ros.deployment.supervisor import describe_exit
from vla_ros.policy.spec import PolicySpec
from vla_ros.runtime.tether import tethered
from vla_ros.runtime.usage import read_cpu_time, read_memory

if TYPE_CHECKING:
    from vla_ros.benchmarks.probes.graph import Answer

WARM_UP = 5  # observations that do not count
STOP_TIMEOUT = 20.0  # s
SEES = ('vision_encoder', 'policy')  # the nodes that are shown the observations


@dataclass(frozen=True)
class Graph:
    """Which nodes run which policy."""

    namespace: str  # with its slash
    nodes: tuple[str, ...]  # modules of vla_ros.nodes
    policy: Path  # bundle
    placement: str = ''  # name or file; empty: as the nodes choose


@dataclass(frozen=True)
class Outcome:
    """What a graph did."""

    warm_up: 'list[Answer]'
    answers: 'list[Answer]'
    memory: dict[str, int]  # bytes of each node at the end (see read_memory)

    @property
    def seconds(self) -> list[float]:
        """Return the time from each observation to its chunk, s."""
        return [answer.seconds for answer in self.answers]

    @property
    def outside(self) -> list[float]:
        """Return the part of these times in which no block computed, s."""
        return [answer.seconds - sum(answer.blocks.values()) for answer in self.answers]

    def block(self, name: str) -> list[float]:
        """Return the time that a block took for each chunk, s."""
        return [answer.blocks[name] for answer in self.answers]

    def cpu(self, *nodes: str) -> list[float]:
        """Return the CPU time that ``nodes`` took together for each chunk, s."""
        return [sum(answer.cpu[node] for node in nodes) for answer in self.answers]

    def difference(self, other: 'Outcome') -> float:
        """Return the largest difference of any chunk to that of ``other``, rad."""
        mine, its = (item.warm_up + item.answers for item in (self, other))
        pairs = zip(mine, its, strict=True)
        return max(float(np.abs(a.chunk - b.chunk).max()) for a, b in pairs)


class RunningGraph:
    """The nodes of a graph, each a process, as long as the context lasts."""

    def __init__(self, graph: Graph) -> None:
        self.namespace = graph.namespace
        self._graph = graph
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> 'RunningGraph':
        """Start the nodes."""
        for name in self._graph.nodes:
            self._processes[name] = subprocess.Popen(
                node_command(self._graph, name), preexec_fn=tethered()
            )
        return self

    def __exit__(self, *error: object) -> None:
        """End the nodes."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(timeout=STOP_TIMEOUT)

    def cpu_times(self) -> dict[str, float]:
        """Return the CPU time of each node so far, s; raise VlaError where one has ended."""
        return {name: self._cpu_time(name) for name in self._processes}

    def memory(self) -> dict[str, int]:
        """Return the memory of each node in bytes (see read_memory)."""
        return {name: read_memory(process.pid) for name, process in self._processes.items()}

    def _cpu_time(self, name: str) -> float:
        process = self._processes[name]
        code = process.poll()
        if code is not None:
            raise VlaError(
                f'{self.namespace}/{name}: got its end ({describe_exit(code)}), expected a node '
                'that runs; look at what it says above'
            )
        spent = read_cpu_time(process.pid)
        assert spent is not None  # its clock is there until poll says that it has ended
        return spent


def node_command(graph: Graph, name: str) -> list[str]:
    """Return the command line of a node."""
    parameters: dict[str, object] = {'policy': graph.policy}
    if name in SEES:
        parameters['max_age'] = 60.0
    if graph.placement:
        parameters['placement'] = graph.placement
    words = [word for key, value in parameters.items() for word in ('-p', f'{key}:={value}')]
    ros = ['--ros-args', '-r', f'__ns:={graph.namespace}', *words, '--log-level', 'warn']
    return [sys.executable, '-m', f'vla_ros.nodes.{name}', *ros]


def alternate(spec: PolicySpec, graphs: Sequence[Graph], rounds: int) -> list[Outcome]:
    """
    Run the graphs at once, in a ROS domain of their own, and show them observations in turn.

    All see the same: WARM_UP observations, then ``rounds`` that count. Raise VlaError where one
    does not come up, or does not answer.
    """
    from vla_ros.benchmarks.probes.graph import compare

    os.environ.update(isolate())
    with ExitStack() as stack:
        running = [stack.enter_context(RunningGraph(graph)) for graph in graphs]
        answers = compare(spec, running, islice(random_observations(spec), WARM_UP + rounds))
        return [
            Outcome(each[:WARM_UP], each[WARM_UP:], graph.memory())
            for graph, each in zip(running, answers, strict=True)
        ]
