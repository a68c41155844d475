# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every family of policies promises; its test names a bundle of the family, and no more."""

from pathlib import Path

import numpy as np
import pytest

from vla_ros.core.errors import VlaError
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.family import Ask, family_of
from vla_ros.policy.pipeline import FREE, Policy
from vla_ros.policy.vision import VisionEncoder
from vla_ros.runtime.placement import NodePlacement, Placement

CPU = NodePlacement(threads=1)


class FamilyContract:
    """The promises of a family; a subclass says what its policies are like."""

    reads_language = False
    draws_noise = False

    def write(self, path: Path) -> Path:
        """Write a small bundle of the family into the folder ``path`` and return it."""
        raise NotImplementedError

    @pytest.fixture
    def bundle(self, tmp_path):
        return load_bundle(self.write(tmp_path / 'tiny'))

    @pytest.fixture
    def policy(self, bundle):
        return Policy(bundle, Placement(default=CPU))

    @pytest.fixture
    def seen(self, bundle):
        rng = np.random.default_rng(3)
        sizes = {camera.name: (camera.height, camera.width, 3) for camera in bundle.spec.cameras}
        images = {name: rng.integers(0, 256, size, np.uint8) for name, size in sizes.items()}
        return images, rng.uniform(-0.5, 0.5, len(bundle.spec.joint_names))

    @pytest.fixture
    def stages(self, bundle):
        family = family_of(bundle.spec)
        return family.backbone(bundle, CPU), family.expert(bundle, CPU, FREE)

    @pytest.fixture
    def features(self, bundle, seen):
        features = VisionEncoder(bundle, CPU).encode(seen[0])
        return {'features': features, 'state': seen[1]}

    def test_actions_have_a_row_for_each_step_and_a_column_for_each_joint(self, policy, seen):
        actions, times = policy.predict(*seen)
        assert actions.shape == (policy.spec.chunk_size, len(policy.spec.joint_names))
        assert actions.dtype == np.float32 and np.isfinite(actions).all()
        assert list(times) == ['vision_encoder', 'llm_backbone', 'action_expert']

    def test_stages_that_get_only_what_travels_give_the_bits_of_the_fused_policy(
        self, bundle, policy, stages, features, seen
    ):
        backbone, expert = stages
        ask = Ask(bundle.spec.instruction, sequence=7)
        known = {name: features[name] for name in bundle.spec.carried('vision_encoder')}
        known |= backbone.run(known, ask)
        known = {name: known[name] for name in bundle.spec.carried('llm_backbone')}
        fused, _ = policy.predict(*seen, sequence=7)
        np.testing.assert_array_equal(expert.run(known, ask)['actions'], fused)

    def test_equal_requests_get_equal_answers_whatever_came_in_between(self, policy, seen):
        first, _ = policy.predict(*seen, sequence=1)
        kept = first.copy()
        policy.predict(seen[0], -seen[1], 'Something else.', 2)
        np.testing.assert_array_equal(first, kept)
        np.testing.assert_array_equal(policy.predict(*seen, sequence=1)[0], kept)

    def test_number_of_the_request_matters_where_noise_is_drawn_and_nowhere_else(
        self, policy, seen
    ):
        answers = [policy.predict(*seen, sequence=number)[0] for number in (1, 2)]
        assert np.array_equal(*answers) != self.draws_noise

    def test_instruction_matters_where_language_is_read_and_nowhere_else(self, policy, seen):
        answers = [policy.predict(*seen, text)[0] for text in ('Put it here.', 'Lift it.')]
        assert np.array_equal(*answers) != self.reads_language

    def test_every_camera_and_the_state_matter(self, policy, seen):
        images, state = seen
        expected, _ = policy.predict(images, state)
        for name, image in images.items():
            other, _ = policy.predict(images | {name: 255 - image}, state)
            assert not np.array_equal(other, expected), name
        assert not np.array_equal(policy.predict(images, -state)[0], expected)

    def test_memory_that_is_given_is_written_into(self, stages, features):
        backbone, _ = stages
        ask = Ask('Put it here.')
        expected = backbone.run(features, ask)
        slots = {name: np.full_like(array, np.nan) for name, array in expected.items()}
        made = backbone.run(features, ask, slots)
        for name, array in expected.items():
            assert made[name] is slots[name]
            np.testing.assert_array_equal(made[name], array)

    @pytest.mark.parametrize('text', ['', 'Übung: 把茶包放进杯子里 🍵', 'word ' * 10_000])
    def test_any_instruction_is_answered(self, policy, seen, text):
        assert np.isfinite(policy.predict(*seen, text)[0]).all()

    def test_state_of_another_robot_is_refused(self, policy, seen):
        with pytest.raises(VlaError, match='expected one value for each of'):
            policy.predict(seen[0], np.zeros(len(seen[1]) + 1))

    def test_joint_with_nan_is_named(self, policy, seen):
        state = seen[1].copy()
        state[-1] = np.nan
        with pytest.raises(VlaError, match=policy.spec.joint_names[-1]):
            policy.predict(seen[0], state)

    def test_tensor_that_did_not_arrive_is_named(self, bundle, stages, features):
        backbone, expert = stages
        known = {**features, **backbone.run(features, Ask(''))}
        missing = bundle.spec.carried('llm_backbone')[0]
        del known[missing]
        with pytest.raises(VlaError, match=f"expected also .*'{missing}'"):
            expert.run(known, Ask(''))

    def test_what_another_policy_sent_is_refused_and_the_next_answered(self, stages, features):
        backbone, expert = stages
        made = backbone.run(features, Ask(''))
        known = {**features, **made}
        name = next(iter(made))
        with pytest.raises(VlaError, match='inference failed'):
            expert.run(known | {name: made[name][..., :-1]}, Ask(''))
        assert np.isfinite(expert.run(known, Ask(''))['actions']).all()

    def test_nan_on_the_way_is_no_action(self, stages, features):
        backbone, expert = stages
        known = {**features, **backbone.run(features, Ask(''))}
        made = set(known) - set(features)
        broken = {name: np.full_like(known[name], np.nan) for name in made}
        with pytest.raises(VlaError, match='NaN or infinity among the actions'):
            expert.run(known | broken, Ask(''))
