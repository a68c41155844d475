# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Policy node: all blocks of a policy in one process, in place of a node for each.

Camera pictures and joint states in, a chunk of actions out when one is asked for. The blocks are
the same objects that the split nodes run.
"""

from vla_ros.core.errors import VlaError
from vla_ros.core.observation import Observation
from vla_ros.msg import ActionChunk, Features, QueueStatus
from vla_ros.nodes.vision_encoder import JOINT_STATES, VisionEncoderNode
from vla_ros.policy.family import Ask, family_of
from vla_ros.policy.spec import BLOCKS
from vla_ros.ros import messages, qos
from vla_ros.ros.continuation import BeingPlayed, ExpertParams
from vla_ros.ros.params import declare
from vla_ros.ros.process import spin_node


class PolicyNode(VisionEncoderNode):
    """Answer each request of the action queue with a chunk for the newest observation."""

    def __init__(self) -> None:
        """Declare the parameters."""
        super().__init__('policy')
        self._expert_params = declare(self, ExpertParams)

    @property
    def stands_for(self) -> tuple[str, ...]:
        """Return the names of the nodes that this one replaces."""
        return BLOCKS

    def configure(self) -> None:
        """Load the blocks and the policy's facts."""
        bundle = self.load_bundle()
        self._spec = bundle.spec
        self._encoder = self.open_encoder(bundle)
        family = family_of(bundle.spec)
        self._backbone = family.backbone(bundle, self.placement)
        self._being_played = BeingPlayed(bundle.spec)
        self._expert = family.expert(bundle, self.placement, self._expert_params.settings)
        self._instruction = self._told_at_first
        self._chunks = self.advertise(ActionChunk, 'action_chunk', qos.LATEST)
        for stage in (self._encoder, self._backbone, self._expert):
            self.ready(stage.session)

    def _on_queue_status(self, msg: QueueStatus) -> None:
        if self._expert_params.continuation != 'none':
            try:
                self._being_played.note(msg)
            except VlaError as error:
                self.report('continuation', str(error))  # and answer without it
        super()._on_queue_status(msg)

    def _publish_answer(self, observation: Observation, request: int) -> None:
        features, encoded = self._encoded(observation)
        seen = {'features': features, 'state': observation.values[JOINT_STATES]}
        ask = Ask(self._instruction, request, self._being_played.since(observation.time))
        made, understood = self.timed(lambda: self._backbone.run(seen, ask), 'llm_backbone')
        known = {**seen, **made}
        acted, done = self.timed(lambda: self._expert.run(known, ask), 'action_expert')
        msg = Features(sequence=request)
        msg.header.stamp = messages.stamp(observation.time)
        timings = (encoded, understood, done)
        self._chunks.publish(messages.answer_to_msg(acted['actions'], msg, self._spec, timings))


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(PolicyNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
