# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recorder node: what the policy will see, and what was done, as one bag for each episode.

It leads through a recording plan: next_start says which start is missing (cluster, seed, and in
detail the mishap to recover from). An episode begins with the event START and ends with SUCCESS
(kept), FAILURE or TIMEOUT (thrown away); without such events, or against them, with the services
~/start, ~/keep, ~/discard and ~/redo. The node ends itself when nothing is missing any more.

Before each episode the gate looks at what the cameras see: where one was moved, is out of focus,
too dark or silent, the start is refused with the check, its number and its mend. The pictures that
it compares with are those before the first episode, in the folder reference beside the episodes.

Messages are stored as they come, undecoded, by a thread of their own. With topics:=story there are
also those that a page shows, so that a bag tells the whole story (vla_ros view). Privileged
knowledge, such as the state of a simulation, is not recorded.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Int64, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset.bag import EpisodeInfo, Message
from vla_ros.dataset.checks.gate import REFERENCE, Gatekeeper
from vla_ros.dataset.coverage import describe_start
from vla_ros.dataset.plan import PlannedEpisode, find_plan
from vla_ros.dataset.recording import GAP_MEND, Recording, describe, name_gaps
from vla_ros.dataset.session import Session
from vla_ros.dataset.streams import LABELS
from vla_ros.msg import EpisodeEvent
from vla_ros.ros import messages, qos
from vla_ros.ros.camera_topics import camera_topics
from vla_ros.ros.lifecycle import NOT_ACTIVE, VlaNode
from vla_ros.ros.params import declare, parse_names
from vla_ros.ros.process import spin_node
from vla_ros.ros.recorder_params import RecorderParams, parse_cameras, parse_files
from vla_ros.ros.story import PERIOD, StoryTopics

GATES = ('refuse', 'warn', 'none')
PATIENCE = 5.0  # s after which the sources should be there


class RecorderNode(VlaNode):
    """Feeds raw messages to a Recording and decides when one begins and ends."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a plan or a file that is not there."""
        super().__init__('recorder')
        self._params = declare(self, RecorderParams)
        self._plan = find_plan(self._params.plan)
        self._root = Path(self._params.output).expanduser()
        self._calibration = parse_files(self._params.calibration)
        self._cameras = parse_cameras(self._params.cameras)
        self._pictures = camera_topics(self._cameras, self._params.compressed_cameras)
        if self._params.gate not in GATES:
            raise ConfigError(f'gate: got {self._params.gate!r}, expected {", ".join(GATES)}')
        self._gate = Gatekeeper(
            Path(self._params.reference or self._root / REFERENCE).expanduser(),
            self._cameras,
            self._params.fps,
            parse_names(self._params.moving_cameras),
            bool(self._params.reference),
        )
        self._open = ExitStack()  # what cleanup closes
        self._latched: dict[str, Message] = {}  # by topic: every episode begins with these
        self._recorded: set[str] = set()  # topics
        self._warned = ''  # name of the episode whose gaps were told while it was running
        self._silent: set[str] = set()  # topics that every episode needs and nobody published yet

    def configure(self) -> None:
        """Take the folder, look at what it holds, and offer the services."""
        self._session = self._open.enter_context(
            closing(Session(self._root, self._plan, self._new_recording, self._params.episodes))
        )
        for folder, size in self._session.leftovers.items():
            self.get_logger().warning(
                f'{folder} was never finished: {size / 1e6:.1f} MB are readable, not counted'
            )
        self._next_starts = self.advertise(EpisodeEvent, 'next_start', qos.LATCHED)
        self._instructions: Publisher | None = None
        if self._params.instruction:
            self._instructions = self.advertise(String, 'instruction', qos.LATCHED)
        handlers = {
            'start': self._start,
            'keep': lambda: self._keep('kept by the operator'),
            'discard': self._discard,
            'redo': self._redo,
        }
        for name, handler in handlers.items():
            self.serve(Trigger, f'~/{name}', self._answer(handler))

    def activate(self) -> None:
        """Listen, and say what to record first."""
        self._began = time.monotonic()
        self._silent = {
            self.resolve_topic_name(topic)
            for topic in ('joint_states', *(each.name for each in self._pictures.values()))
        }
        for camera, pictures in self._pictures.items():
            watch = partial(self._on_picture, camera)
            self._record(pictures.msg_type, pictures.name, qos.EVERY, watch)
            self._record(CameraInfo, f'camera/{camera}/camera_info', qos.EVERY)
        self._record(JointState, 'joint_states', qos.EVERY)
        self._record(JointTrajectory, 'joint_commands', qos.EVERY_RELIABLE)
        for label in LABELS:  # where there is one: the part of the task, or who leads the arm
            self._record(Int64, label, qos.EVERY)
        self._record(String, 'instruction', qos.LATCHED, self._on_latched)
        self._record(EpisodeEvent, 'episode', qos.EVERY_RELIABLE, self._on_episode)
        self._story = StoryTopics(self, self._params.topics, self._recorded, self._on_story)
        self.repeat(PERIOD, self._story.look)
        if self._instructions:
            self._instructions.publish(String(data=self._params.instruction))
        self.get_logger().info(f'{self._root}:\n{self._session.coverage.describe()}')
        self._go_on()

    def deactivate(self) -> None:
        """Throw an episode away that is not finished."""
        if self._session.recording:
            self._drop('recorder stopped')

    def cleanup(self) -> None:
        """Let go of the folder."""
        self._open.close()

    def diagnostics(self) -> dict[str, str]:
        """Tell how far the set is, and how the running episode does."""
        if not self.active:
            return {}
        if self._silent and time.monotonic() - self._began > PATIENCE:
            self.report('sources', self._complaint)
        coverage = self._session.coverage
        values = {'missing': str(len(coverage.missing))}
        for cluster, (starts, recoveries) in coverage.by_cluster().items():
            values[f'cluster {cluster}'] = f'{starts} starts, {recoveries} recoveries'
        if self._session.next:
            values['next'] = describe_start(self._session.next)
        recording = self._session.recording
        if recording:
            values['episode'] = describe(recording)
            if recording.name != self._warned:
                self._warn_of_gaps(recording, 'is running')
        return values

    def _warn_of_gaps(self, recording: Recording, state: str) -> None:
        """Tell the operator which cameras miss frames, if any do, and what to do about it."""
        gaps = recording.gaps
        if gaps:
            self._warned = recording.name
            self.warn(
                f'{recording.name} {state}: frames missing: {name_gaps(gaps)}; {GAP_MEND}, and '
                'record it again with the service ~/redo'
            )

    def _new_recording(self, info: EpisodeInfo) -> Recording:
        topics = [self.resolve_topic_name(each.name) for each in self._pictures.values()]
        rates = dict.fromkeys(topics, self._params.fps)
        limit = self._params.buffer * 10**6
        return Recording(self._root, info, limit, rates, self._calibration)

    def _record(
        self,
        msg_type: type,
        topic: str,
        profile: QoSProfile,
        listen: Callable[[Message], None] | None = None,
    ) -> None:
        """Have the topic's messages written as they come, or handed to ``listen`` instead."""
        name = messages.type_name(msg_type)
        full = self.resolve_topic_name(topic)
        self._recorded.add(full)

        def on_raw(data: bytes) -> None:
            message = Message(full, name, time.time_ns(), data)
            if full in self._silent:
                self._hear(full)
            if listen:
                listen(message)
            elif self._session.recording:
                self._session.recording.write(message)

        newest = listen == self._on_latched
        self.subscribe(msg_type, topic, on_raw, profile, raw=True, newest=newest)

    def _hear(self, topic: str) -> None:
        """Note that a source is there; with the last one, recording can begin."""
        self._silent.remove(topic)
        if not self._silent:
            self._go_on()

    @property
    def _complaint(self) -> str:
        return (
            f'got nothing yet on {", ".join(sorted(self._silent))}, expected messages; check '
            'that the cameras and the arm run, and the parameter cameras'
        )

    def _on_picture(self, camera: str, message: Message) -> None:
        if self._session.recording:
            self._session.recording.write(message)
        self._gate.see(camera, message)

    def _pass_gate(self) -> None:
        """Look at what the cameras see; raise VlaError where that is not fit to be recorded."""
        if self._params.gate == 'none':
            return
        objection = self._gate.objection(time.time_ns())
        if objection and self._params.gate == 'refuse':
            raise VlaError(f'not begun: {objection}; gate:=warn records all the same')
        if objection:
            self.report('gate', objection)

    def _on_latched(self, message: Message) -> None:
        self._latched[message.topic] = message
        if self._session.recording:
            self._session.recording.write(message)

    def _on_story(self, topic: str, kind: str, data: bytes, latched: bool) -> None:
        message = Message(topic, kind, time.time_ns(), data)
        if latched:
            self._on_latched(message)
        elif self._session.recording:
            self._session.recording.write(message)

    def _on_episode(self, message: Message) -> None:
        """Begin or end an episode as its source says."""
        event = deserialize_message(message.data, EpisodeEvent)
        if event.event == EpisodeEvent.START:
            start = parse_start(event)
            if self._session.recording:
                self._drop('begun anew')
            self._begin(start, event.rotation[0] if event.rotation else None)
        elif self._session.recording is None:
            if event.event in messages.ENDS:  # of an episode whose beginning was missed
                self._go_on()
            return
        self._session.running.write(message)
        if event.event == EpisodeEvent.RESET:
            self._drop('the scene was reset')
        elif event.event == EpisodeEvent.SUCCESS:
            self._keep(messages.ENDS[event.event])
        elif event.event in messages.ENDS and self._params.keep_failures:
            self._keep(f'{messages.ENDS[event.event]} {event.detail}'.strip())
        elif event.event in messages.ENDS:
            self._drop(f'{messages.ENDS[event.event]} {event.detail}'.strip(), failed=True)
            self._go_on()

    def _begin(self, start: PlannedEpisode, rotation: float | None = None) -> None:
        """Record from now on; raise VlaError where a source is not there yet."""
        if self._silent:
            raise VlaError(self._complaint)
        self._pass_gate()
        notes = self.get_parameter('notes').value
        recording = self._session.begin(start, self._params.robot, notes, rotation)
        self._began = time.monotonic()
        for message in self._latched.values():
            recording.write(message._replace(time=time.time_ns()))

    def _start(self) -> str:
        """Begin the episode that comes next."""
        start = self._session.next
        if start is None:
            raise VlaError('the plan is recorded: nothing is missing')
        self._begin(start)
        return describe_start(start)

    def _keep(self, outcome: str) -> str:
        """Finish the running episode and go on to the next; end the node where that fails."""
        recording = self._session.running
        try:
            self._session.keep(outcome)
        except VlaError:
            self.exit_code = 1
            self.finish()
            raise
        if recording.dropped:
            self.report(
                'dropped',
                f'{recording.name}: {recording.dropped} messages came faster '
                'than the disk took them; record smaller pictures, or to a faster disk',
            )
        self._warn_of_gaps(recording, 'was kept')
        text = f'{recording.name} kept: {describe(recording)}'
        speed = recording.size / 1e6 / max(time.monotonic() - self._began, 1e-3)
        self.get_logger().info(f'{text}, {speed:.1f} MB/s\n{self._session.coverage.describe()}')
        self._go_on()
        return text

    def _discard(self) -> str:
        """Throw the running episode away, else the last one that was kept."""
        if self._session.recording:
            text = self._drop('discarded by the operator')
        else:
            text = f'{self._session.remove_last().path.name} is removed'
        self._go_on()
        return text

    def _redo(self) -> str:
        """Throw the running or the last episode away and begin the same start at once."""
        return f'{self._discard()}; {self._start()}'

    def _drop(self, reason: str, failed: bool = False) -> str:
        text = f'{self._session.drop(failed).name} thrown away: {reason}'
        self.get_logger().info(text)
        return text

    def _go_on(self) -> None:
        """Say what comes next, once all sources are there; end where nothing does."""
        start = self._session.next
        if start is None and (self._params.episodes or not self._params.keep_failures):
            self.finish()
        elif start and not self._silent:
            self._next_starts.publish(self._start_msg(start))

    def _start_msg(self, start: PlannedEpisode) -> EpisodeEvent:
        msg = EpisodeEvent(
            event=EpisodeEvent.RESET,
            episode=start.index,
            seed=start.seed,
            cluster=str(start.cluster),
            detail=start.recovery,
            goal=start.goal,
        )
        msg.header.stamp = self.get_clock().now().to_msg()
        return msg

    def _answer(self, handler: Callable[[], str]) -> Callable[[Any, Any], Any]:
        """Return the service callback that runs ``handler`` and tells its outcome."""

        def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            if not self.active:
                raise VlaError(NOT_ACTIVE)
            response.message = handler()
            response.success = True
            return response

        return answer


def parse_start(event: EpisodeEvent) -> PlannedEpisode:
    """Return what an event says about its episode; raise VlaError for a cluster without number."""
    if not event.cluster.isdecimal():
        raise VlaError(f'episode: got cluster {event.cluster!r}, expected a number of the plan')
    return PlannedEpisode(event.episode, int(event.cluster), event.detail, event.seed, event.goal)


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(RecorderNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
