# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Action expert node: the context of an observation in, a chunk of actions out."""

from vla_ros.msg import ActionChunk, Features, QueueStatus
from vla_ros.policy.family import Ask, family_of
from vla_ros.ros import messages, qos
from vla_ros.ros.continuation import BeingPlayed, ExpertParams
from vla_ros.ros.params import declare
from vla_ros.ros.process import spin_node
from vla_ros.ros.stage import StageNode


class ActionExpertNode(StageNode):
    """Compute the chunk of each context; its first row is for the time of the observation."""

    def __init__(self) -> None:
        """Declare the parameters."""
        super().__init__('action_expert')
        self._params = declare(self, ExpertParams)

    def configure(self) -> None:
        """Load the block and the policy's facts."""
        bundle = self.load_bundle()
        self._spec = bundle.spec
        self._received = bundle.spec.carried('llm_backbone')
        self._being_played = BeingPlayed(bundle.spec)
        settings = self._params.settings
        self._expert = family_of(bundle.spec).expert(bundle, self.placement, settings)
        self._chunks = self.advertise(ActionChunk, 'action_chunk', qos.LATEST)
        self.ready(self._expert.session)

    def activate(self) -> None:
        """Listen to the backbone, and to the queue where it is continued."""
        if self._params.continuation != 'none':
            note = self._being_played.note
            self.subscribe(QueueStatus, 'queue_status', note, qos.LATEST)
        self.listen('context', self._on_context)

    def _on_context(self, msg: Features) -> None:
        queued = self._being_played.since(messages.seconds(msg.header.stamp))
        ask = Ask(msg.instruction, msg.sequence, queued)
        with self.received.open(msg.tensors, self._received) as tensors:
            made, timing = self.timed(lambda: self._expert.run(tensors, ask))
        timings = [*msg.timings, timing]
        self._chunks.publish(messages.answer_to_msg(made['actions'], msg, self._spec, timings))


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(ActionExpertNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())
