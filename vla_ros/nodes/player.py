# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Player node: plays bags in real time to the nodes of a policy, and scores their chunks.

Cameras, joint states and instruction go out as they were recorded, with the stamps of today; in
place of the action queue it asks for chunks, at the times that the replay's plan says. Recorded
commands are not published: no arm follows a replay.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from vla_ros.core.config import find_config
from vla_ros.core.defaults import POLICY, ROBOT
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.robot import load_robot
from vla_ros.dataset.bag import Episode
from vla_ros.dataset.bags import open_bags
from vla_ros.dataset.replay.bag_samples import Track, read_track
from vla_ros.dataset.replay.drive import plan
from vla_ros.dataset.replay.report import publish
from vla_ros.dataset.replay.result import Replay
from vla_ros.dataset.replay.settings import Settings
from vla_ros.dataset.streams import parse_choice
from vla_ros.msg import ActionChunk, QueueStatus
from vla_ros.policy.bundle import load_bundle
from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import declare, param, parse_names
from vla_ros.ros.playback import Answers, Graph, Playback
from vla_ros.ros.process import spin_node

BETWEEN = ('vision_features', 'context')  # the topics from one node of a policy to the next
PATIENCE = 60.0  # s in which the nodes of the policy have to appear


@dataclass(frozen=True)
class PlayerParams:
    """Parameters of the player node."""

    bag: str = param('', 'Bag, or folder of bags.')
    bag_namespace: str = param('', "The robot's namespace, where a bag holds several.")
    bag_topics: str = param('', 'Which topics are meant: ROLE:=TOPIC, separated by commas.')
    policy: str = param(POLICY, 'Policy bundle that the other nodes run.')
    robot: str = param(ROBOT, "The robot's file in config/robots, or its path.")
    json: str = param('', 'File for all figures; empty: none.')
    html: str = param('', 'File for the report; empty: none.')
    max_mae: float = param(-1.0, 'Largest error (rad) that ends with exit code 0; below 0: any.')
    timeout: float = param(5.0, 'Seconds after which a chunk is asked for again.', 0.1, 600.0)
    mode: str = param('async', 'async: the queue asks ahead; sync: when it is empty.')
    chunk_size_threshold: float = param(
        0.2, 'Fill of the queue (0 to 1) at which it asks for the next chunk.', 0.0, 1.0
    )
    aggregate_fn_name: str = param('weighted_average', 'How overlapping chunks are blended.')
    latency: float = param(0.1, 'Seconds from a request to its chunk, in recorded time.', 0.0)
    every: float = param(0.5, 'Longest time between two observations asked about, s.', 0.01)
    rate: float = param(60.0, 'Commands per second.', 1.0, 1000.0)
    max_skew: float = param(0.05, 'Seconds between the parts of an observation.', 0.001, 10.0)
    max_age: float = param(0.5, 'Seconds after which an observation is too old.', 0.01, 60.0)

    def settings(self) -> Settings:
        """Return what decides the scores."""
        return Settings(
            self.mode,
            self.chunk_size_threshold,
            self.aggregate_fn_name,
            self.latency,
            self.every,
            self.rate,
            self.max_skew,
            self.max_age,
        )


class PlayerNode(VlaNode):
    """Plays in a thread of its own; the callback only notes the chunks that come."""

    def __init__(self) -> None:
        """Declare the parameters."""
        super().__init__('player')
        self._params = declare(self, PlayerParams)
        self._answers = Answers()
        self._requests = 0  # so far
        self._running = False

    def configure(self) -> None:
        """Look at the bags and the policy's facts; advertise what will be played."""
        if not self._params.bag:
            raise ConfigError("bag: got '', expected a bag or a folder of bags: bag:=recordings")
        choice = parse_choice(self._params.bag_namespace, parse_names(self._params.bag_topics))
        self._episodes = open_bags(Path(self._params.bag).expanduser(), choice)
        bundle = load_bundle(find_config('policies', self._params.policy), ())
        robot = load_robot(find_config('robots', self._params.robot))
        settings = self._params.settings()
        self._replay = Replay(bundle.path, bundle.spec, robot, settings, 'wall')
        self._states = self.advertise(JointState, 'joint_states', qos.LATEST)
        self._instructions = self.advertise(String, 'instruction', qos.LATCHED)
        self._statuses = self.advertise(QueueStatus, 'queue_status', qos.LATEST)
        self._images = {
            camera.name: self.advertise(Image, f'camera/{camera.name}/image_raw', qos.LATEST)
            for camera in bundle.spec.cameras
        }

    def activate(self) -> None:
        """Listen for chunks, and begin to play."""
        self.subscribe(ActionChunk, 'action_chunk', self._answers.note, qos.LATEST)
        self._running = True
        self.run_thread(self._run, 'player')

    def deactivate(self) -> None:
        """Stop playing."""
        self._running = False
        self.join_threads()

    def diagnostics(self) -> dict[str, str]:
        """Tell how far the replay is."""
        if not self.active:
            return {}
        return {
            'episodes': f'{len(self._replay.scores)} of {len(self._episodes)}',
            'chunks': str(len(self._replay.times)),
            'repeated': str(self._replay.repeated),
        }

    def _run(self) -> None:
        """Play all bags and tell the scores; a bag that can't be played ends the run."""
        try:
            self._wait_for_nodes()
            began = time.monotonic()
            for episode in self._episodes:
                self._play(episode)
            self._replay.spent = time.monotonic() - began
            if self._running:
                self.exit_code = self._tell()
        except VlaError as error:
            self.get_logger().error(str(error))
            self.exit_code = 1
        self.finish()

    def _wait_for_nodes(self) -> None:
        """Wait until the nodes of the policy listen; raise VlaError where they do not come."""
        outputs = [self._states, self._statuses, *self._images.values()]
        end = time.monotonic() + PATIENCE
        while self._running and time.monotonic() < end:
            deaf = [output.topic_name for output in outputs if not output.get_subscription_count()]
            deaf += [name for name in BETWEEN if not self.count_subscribers(name)]
            if not deaf and self.count_publishers('action_chunk'):
                return
            time.sleep(0.1)
        if self._running:
            raise VlaError(
                f'got nobody who listens to {", ".join(deaf) or "context and answers"}, expected '
                'vision_encoder, llm_backbone and action_expert; start them in this namespace'
            )

    def _play(self, episode: Episode) -> None:
        """Play a bag and score the answers."""
        replay = self._replay
        track = read_track(episode, replay.spec)
        asks = plan(track, replay.spec, replay.robot, replay.settings)
        playback = Playback(track, self._graph(track), replay.spec.joint_names, self._requests)
        answers = playback.play(asks)
        self._requests = playback.last
        if self._running:
            replay.repeated += playback.repeated
            replay.add(track, answers)
            self.get_logger().info(f'{episode.path.name}: {len(answers)} chunks')

    def _graph(self, track: Track) -> Graph:
        """Return where each topic of the bag goes."""
        cameras = {track.streams.cameras[name]: self._images[name] for name in self._images}
        outputs = {track.streams.state: self._states, **cameras}
        if track.streams.instruction:
            outputs[track.streams.instruction] = self._instructions
        return Graph(
            outputs,
            self._statuses,
            self._answers,
            self.now,
            lambda: self._running,
            self._params.timeout,
        )

    def _tell(self) -> int:
        """Tell the scores and return the exit code."""
        limit = self._params.max_mae if self._params.max_mae >= 0 else None
        return publish(self._replay, limit, self._params.html, self._params.json)


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(PlayerNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
