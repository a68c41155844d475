# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Simulation node: a task in real time, and the episodes that are played in it.

Publishes joint_states, sim_state (for the cameras), episode and /clock; takes joint_commands. An
episode starts with the first motion, and ends with success, or when its time is over. After the
last one the node ends itself. ~/reset starts the next episode at once; the parameters seed and
clusters are read again then.

What is asked for is told on instruction when an episode begins. Another sentence there, or another
goal of the next_start, is what counts from then on.

With driver:=expert the task's expert drives, and joint_commands tells what it does. Each episode
then waits for its start on next_start: cluster, seed, goal, and in detail the mishap to recover
from.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock as ClockMsg
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.core.defaults import TASK
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.trajectory import Trajectory
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.deployment.restarts import EPISODES_FAILED
from vla_ros.msg import EpisodeEvent, SimState
from vla_ros.ros import messages, qos
from vla_ros.ros.lifecycle import NOT_ACTIVE, VlaNode
from vla_ros.ros.params import Change, declare, param
from vla_ros.ros.process import spin_node
from vla_ros.ros.speech import Voice
from vla_ros.sim.episode import instruction_of
from vla_ros.sim.task import Demonstration, TaskChoice

FIRST_MOTION = 0.02  # rad, of any joint's target, from where the arm stands after a reset
RESET_TIME = 0.1  # s, at most, in which commands may still be meant for the last episode
SETTLE = 0.5  # s that the goal must stay reached
CLOCK_STEP = 0.1  # s; a system clock that is further off was set by somebody
LATEST_CATCH_UP = 0.5  # s; a simulation that is further behind gives the time up
STILL = 0.5  # s after a reset before the expert moves, so that every camera has seen the scene
DRIVERS = ('commands', 'expert')


@dataclass(frozen=True)
class SimParams:
    """Parameters of the sim node."""

    task: str = param(TASK, 'The task that is simulated, or module:class.')
    plan: str = param('', "The plan's file in config/plans, or its path; empty: the task's.")
    driver: str = param('commands', 'Who moves the arm: commands (a topic) or expert (a script).')
    rate: float = param(60.0, 'Control steps per second; divides 600.', 10.0, 600.0)
    state_rate: float = param(30.0, 'sim_state messages per second.', 1.0, 600.0)
    episodes: int = param(1, 'Episodes to play; 0: without end.', 0, 1_000_000)
    seed: int = param(0, 'Seed of the first episode.', 0, 2**32 - 1, change=Change.RUNNING)
    clusters: str = param(
        'test',
        'Where the object starts: test, validation, global, or one cluster.',
        change=Change.RUNNING,
    )
    instruction: str = param(
        '', "What to ask for in the episodes; empty: the task's usual goal.", change=Change.RUNNING
    )
    goal: str = param('', 'What an instruction means that the task does not know.')
    timeout: float = param(30.0, 'Seconds for an episode.', 1.0, 3600.0)
    start_timeout: float = param(60.0, 'Seconds to wait for the first motion.', 1.0, 3600.0)


class SimNode(VlaNode):
    """Steps the physics along the wall clock and referees the episodes."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a cluster or driver that isn't there."""
        super().__init__('sim')
        self._params = declare(self, SimParams)
        choice = TaskChoice(self._params.task, self._params.plan)
        self._task, self._plan = choice.type, choice.load_plan()
        self._plan.set(self._params.clusters)
        self._goal_of(self._params.instruction)
        if self._params.driver not in DRIVERS:
            raise ConfigError(
                f'driver: got {self._params.driver!r}, expected one of {", ".join(DRIVERS)}'
            )
        self._by_expert = self._params.driver == 'expert'
        self._demonstrator: Demonstration | None = None  # of the running episode
        self.add_on_set_parameters_callback(self._check_parameters)
        self._episode = 0
        self._successes = 0

    def configure(self) -> None:
        """Load the scene."""
        self._env = self._task(self._plan, self._params.rate)
        self._state_every = max(1, round(self._params.rate / self._params.state_rate))
        self._joint_states = self.advertise(
            JointState, 'joint_states', qos.periodic(qos.LATEST, 1.0 / self._params.rate)
        )
        self._sim_states = self.advertise(SimState, 'sim_state', qos.SENSOR)
        self._events = self.advertise(EpisodeEvent, 'episode', qos.EVENTS)
        self._clock_msgs = self.advertise(ClockMsg, '/clock', qos.SENSOR)
        self._instructions = Voice(self.advertise(String, 'instruction', qos.LATCHED))
        if self._by_expert:
            self._commands = self.advertise(JointTrajectory, 'joint_commands', qos.LATEST)
        self.serve(Trigger, '~/reset', self._on_reset)

    def activate(self) -> None:
        """Start the clock and the first episode."""
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._system = Clock(clock_type=ClockType.SYSTEM_TIME)
        self._wall_start = self._steady.now().nanoseconds * 1e-9
        self._time_start = self._system.now().nanoseconds * 1e-9
        self._steps = 0
        self._begin()
        self.repeat(1.0 / self._params.rate, self._on_timer)
        if self._by_expert:
            self.subscribe(EpisodeEvent, 'next_start', self._on_next_start, qos.LATCHED)
        else:
            self.subscribe(JointTrajectory, 'joint_commands', self._on_command, qos.LATEST)
        self.subscribe(
            String, 'instruction', self._on_instruction, qos.LATCHED, info=True, newest=True
        )

    def diagnostics(self) -> dict[str, str]:
        """Tell how the episodes went."""
        return {'episodes': str(self._episode), 'successes': str(self._successes)}

    @property
    def _time(self) -> float:
        """Return the simulated time, s: the system's, at the last step of the physics."""
        return self._time_start + self._steps / self._params.rate

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """Refuse what the next episode could not begin with."""
        checks = {'clusters': self._plan.set, 'instruction': self._goal_of}
        try:
            for parameter in parameters:
                if parameter.name in checks:
                    checks[parameter.name](str(parameter.value))
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _begin(self) -> None:
        """Set the next episode up."""
        seed, clusters, instruction = (
            self.get_parameter(name).value for name in ('seed', 'clusters', 'instruction')
        )
        planned = self._plan.evaluation(clusters, self._episode + 1, seed)[self._episode]
        self._asked = self._goal_of(instruction)
        self._env.reset(planned.seed, planned.cluster, self._asked)
        self._tell(instruction or self._env.goal.instruction)
        self._forget()
        if not self._by_expert:
            self._announce(EpisodeEvent.RESET)

    def _forget(self) -> None:
        """Forget the last episode: the arm rests, and nothing has happened."""
        self._rotation = self._env.rotation
        self._target = self._home = self._env.positions
        self._way: Trajectory | None = None  # what is followed
        self._way_began = self._time
        self._began = self._time + 0.5 / self._params.rate  # after every state of before
        self._followed = False  # whoever commands the arm may not know of it yet
        self._started = self._succeeded = math.inf

    def _on_next_start(self, msg: EpisodeEvent) -> None:
        """Have the expert play an episode; one that is still running is given up."""
        self._plan.check_recovery(msg.detail)
        (cluster,) = self._plan.set(msg.cluster)
        planned = PlannedEpisode(msg.episode, cluster, msg.detail, msg.seed, msg.goal)
        self._demonstrator, self._asked = self._env.demonstrate(planned), msg.goal
        self._tell(instruction_of(self._env, planned))
        self._forget()
        self._mishap = msg.detail
        self._announce(EpisodeEvent.RESET, self._mishap)

    def _goal_of(self, instruction: str) -> str:
        """Return the name of what is asked for; raise ConfigError where nobody knows."""
        if not instruction:
            return ''
        goal = self._params.goal
        return (self._task.find_goal(goal) if goal else self._task.goal_of(instruction)).name

    def _tell(self, instruction: str) -> None:
        self._told = instruction
        self._instructions.say(String(data=instruction))

    def _on_instruction(self, msg: String, info: Mapping[str, Any]) -> None:
        """Take a sentence that somebody else says as what is asked for from now on."""
        text = msg.data.strip()
        if text in ('', self._told) or self._instructions.said(info):
            return
        goal = self._goal_of(text)
        self._env.change_goal(goal)
        self._told, self._asked = text, goal

    def _on_command(self, msg: JointTrajectory) -> None:
        """Follow a command: one place at once, a trajectory in its time."""
        way = messages.trajectory_from_msg(msg, self._env.arm.joint_names)
        late = -messages.begins_in(msg.header.stamp, way, self._time)
        moved = np.max(np.abs(way.positions - self._home)) > FIRST_MOTION
        since = (messages.seconds(msg.header.stamp) or self.now()) - self._began
        self._followed |= since >= (RESET_TIME if moved else 0.0)
        if not self._followed:
            return
        still = np.zeros(len(self._target))
        self._way, self._way_began = way.joined(self._target, still, late), self._time
        if moved and self._started == math.inf:
            self._started = self._time
            self._announce(EpisodeEvent.START)

    def _on_timer(self) -> None:
        """Step as far as the wall clock has come."""
        elapsed = self._elapsed
        self._follow_clock(elapsed)
        behind = elapsed - self._steps / self._params.rate
        if behind > LATEST_CATCH_UP:
            self._wall_start += behind
            self._way_began += behind
            self._time_start += behind  # the world stood still, its clock did not
            self.report(
                'real time',
                f'the simulation was {behind:.1f} s behind real time and '
                'gave that up; use fewer or smaller cameras, or more cores',
            )
            return
        while self._steps < int(elapsed * self._params.rate) and not self.finished:
            self._step()

    @property
    def _elapsed(self) -> float:
        """Return the seconds since the start by a clock that nobody sets."""
        return self._steady.now().nanoseconds * 1e-9 - self._wall_start

    def _follow_clock(self, elapsed: float) -> None:
        """Go on in the system's time where somebody set its clock; ``elapsed`` s have passed."""
        off = self._system.now().nanoseconds * 1e-9 - self._time_start - elapsed
        at_once = self._elapsed - elapsed < 0.1 * CLOCK_STEP  # both clocks were read
        if abs(off) > CLOCK_STEP and at_once:
            self._time_start += off
            self._began += off
            self._way_began += off
            self._started += off
            self._succeeded += off

    def _step(self) -> None:
        if self._demonstrator and self._time >= self._began + STILL:
            self._demonstrate(self._demonstrator)
        elif self._way is not None:
            self._target = self._way.at(self._time + 1.0 / self._params.rate - self._way_began)
        self._env.step(self._target)
        self._steps += 1
        stamp = messages.stamp(self._time)
        self._clock_msgs.publish(ClockMsg(clock=stamp))
        joints = JointState(name=self._env.arm.joint_names, position=self._env.positions.tolist())
        joints.header.stamp = stamp
        self._joint_states.publish(joints)
        if self._steps % self._state_every == 0:
            self._publish_state(stamp)
        self._referee()

    def _publish_state(self, stamp: Time) -> None:
        state = self._env.scene.state()
        msg = SimState(seed=self._env.seed, names=list(state.values))
        msg.qpos = messages.double_field(state.qpos)
        msg.values = list(state.values.values())
        msg.header.stamp = stamp
        self._sim_states.publish(msg)

    def _demonstrate(self, demonstrator: Demonstration) -> None:
        """Let the expert choose the target, and tell it."""
        if self._started == math.inf:
            self._started = self._time
            self._announce(EpisodeEvent.START, self._mishap)
        self._target = demonstrator.act()
        point = JointTrajectoryPoint(positions=self._target.tolist())
        msg = JointTrajectory(joint_names=self._env.arm.joint_names, points=[point])
        msg.header.stamp = messages.stamp(self._time)
        self._commands.publish(msg)

    def _referee(self) -> None:
        """End the episode when its driver has come to an end, or the time is over."""
        if self._demonstrator:
            self._judge_expert(self._demonstrator)
        elif not self._by_expert:
            self._judge_commands()

    def _judge_expert(self, demonstrator: Demonstration) -> None:
        if demonstrator.done and demonstrator.objection:
            self._end(EpisodeEvent.FAILURE, demonstrator.objection)
        elif demonstrator.done:
            self._successes += 1
            self._end(EpisodeEvent.SUCCESS)
        elif self._time - self._started > self._params.timeout:
            self._end(EpisodeEvent.TIMEOUT)

    def _judge_commands(self) -> None:
        """End the episode when the goal stays reached or the time is over."""
        if not self._env.success:
            self._succeeded = math.inf
        elif self._succeeded == math.inf:
            self._succeeded = self._time
        if self._time - self._succeeded >= SETTLE:
            self._successes += 1
            self._end(EpisodeEvent.SUCCESS)
        elif self._time - self._started > self._params.timeout:
            self._end(EpisodeEvent.TIMEOUT)
        elif self._started == math.inf and (self._time - self._began > self._params.start_timeout):
            self._end(EpisodeEvent.TIMEOUT, 'the arm never moved: is the policy running?')

    def _end(self, event: int, detail: str = '') -> None:
        duration = self._announce(event, detail)
        self._episode += 1
        self._demonstrator = None
        last = self._params.episodes and self._episode >= self._params.episodes
        self.get_logger().info(
            f'episode {self._episode}'
            + (f' of {self._params.episodes}' if self._params.episodes else '')
            + f', cluster {self._env.cluster}: {messages.ENDS[event]} after {duration:.1f} s'
            + (f' ({detail})' if detail else '')
            + f'; {self._successes} succeeded so far'
        )
        if last:
            self._announce(EpisodeEvent.DONE)
            self.exit_code = 0 if self._successes == self._episode else EPISODES_FAILED
            self.finish()
        elif not self._by_expert:
            self._begin()

    def _announce(self, event: int, detail: str = '') -> float:
        """Publish an event and return the seconds since the start of the episode."""
        duration = max(0.0, self._time - self._started) if self._started < math.inf else 0.0
        msg = EpisodeEvent(
            event=event,
            episode=self._episode,
            seed=self._env.seed,
            cluster=str(self._env.cluster),
            detail=detail,
            duration=duration,
            rotation=[self._rotation],
            goal=self._asked,
        )
        began = event == EpisodeEvent.RESET
        msg.header.stamp = messages.stamp(self._began if began else self._time)
        self._events.publish(msg)
        return duration

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Give the running episode up and begin the next one."""
        if not self.active:
            raise VlaError(NOT_ACTIVE)
        if self._by_expert:
            raise VlaError('the expert takes its starts from next_start, not from ~/reset')
        self._episode += 1
        self._begin()
        response.success = True
        response.message = f'episode {self._episode}, seed {self._env.seed}'
        return response


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(SimNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())
