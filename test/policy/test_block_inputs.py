# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the blocks are given is heard as they are given it, and changes nothing."""

import numpy as np
from bundles import CAMERAS, HEIGHT, WIDTH, pictures

from vla_ros.policy.block_inputs import Heard, block_inputs, heard
from vla_ros.policy.spec import BLOCKS
from vla_ros.quantization.quantize import on_cpu


def test_every_block_is_heard_once_for_each_sample_and_not_while_it_warms_up(bundle, samples):
    inputs = block_inputs(bundle, samples[:3], on_cpu)
    assert {block: len(entries) for block, entries in inputs.items()} == dict.fromkeys(BLOCKS, 3)
    for sample, entry in zip(samples, inputs['vision_encoder'], strict=False):
        assert entry['image'].shape == (len(CAMERAS), HEIGHT, WIDTH, 3)
        for picture, name in zip(entry['image'], CAMERAS, strict=True):
            np.testing.assert_array_equal(picture, sample.images[name])
    for sample, entry in zip(samples, inputs['llm_backbone'], strict=False):
        np.testing.assert_array_equal(entry['state'][0], sample.state.astype(np.float32))


def test_what_a_block_was_given_makes_what_the_next_was_given(bundle, samples):
    inputs = block_inputs(bundle, samples[:2], on_cpu)
    backbone = on_cpu(bundle).llm_backbone.session
    for given, taken in zip(inputs['llm_backbone'], inputs['action_expert'], strict=True):
        np.testing.assert_array_equal(backbone.run(given)['memory'], taken['memory'])


def test_policy_that_is_heard_gives_the_same_bits(bundle):
    listening, told = heard(bundle)
    state = np.zeros(6)
    expected, _ = on_cpu(bundle).predict(pictures(), state)
    np.testing.assert_array_equal(on_cpu(listening).predict(pictures(), state)[0], expected)
    assert told['action_expert'].inputs


def test_array_that_repeats_is_kept_once_and_one_that_is_reused_is_copied():
    told, memory, time = Heard(), np.ones(4), np.zeros(1)
    for step in range(3):
        time[:] = step
        told.hear({'memory': memory, 'time': time})
    assert [entry['time'][0] for entry in told.inputs] == [0, 1, 2]
    assert len({id(entry['memory']) for entry in told.inputs}) == 1
    assert told.inputs[0]['memory'] is not memory
