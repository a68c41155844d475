# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SmolVLA keeps what a family promises; its flow goes where its expert's goal is."""

import json
import shutil
from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from bundles import CHUNK, FPS, JOINTS, pictures
from flow_bundles import STEPS, WIDTH, write_flow_bundle

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.family import ExpertSettings, Queued
from vla_ros.policy.flow import noise
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.placement import NodePlacement, Placement

from .contract import FamilyContract

CPU = Placement(default=NodePlacement(threads=1))
STATE = np.linspace(-0.5, 0.5, len(JOINTS))
LAST = len(JOINTS) - 1


class TestSmolVla(FamilyContract):
    """The promises."""

    reads_language = True
    draws_noise = True

    def write(self, path):
        return write_flow_bundle(path)


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return load_bundle(write_flow_bundle(tmp_path_factory.mktemp('policies') / 'flow'))


def policy(bundle, **settings):
    return Policy(bundle, CPU, settings=ExpertSettings(**settings))


def answer(bundle, queued=None, sequence=0, **settings):
    return policy(bundle, **settings).predict(pictures(), STATE, None, sequence, queued)[0]


def normalised(bundle, actions):
    return (actions - np.array(bundle.spec.flow.offset)) / np.array(bundle.spec.flow.scale)


@pytest.mark.parametrize('steps', [1, 2, 10, 50])
def test_straight_flow_reaches_its_goal_in_any_number_of_steps(bundle, steps):
    goal = answer(bundle, steps=1)
    got = answer(bundle, steps=steps, sequence=3)
    np.testing.assert_allclose(got[:, :LAST], goal[:, :LAST], atol=2e-6)


@pytest.mark.parametrize('steps', [1, 10, 50])
def test_flow_is_integrated_in_steps_of_equal_length(bundle, steps):
    goal = normalised(bundle, answer(bundle, steps=1))[:, LAST]
    start = noise(5, 3, CHUNK, WIDTH)[:, LAST]
    expected = goal + (1 - 1 / steps) ** steps * (start - goal)
    got = normalised(bundle, answer(bundle, steps=steps, seed=5, sequence=3))[:, LAST]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_bundle_says_how_many_steps_there_are(bundle):
    assert bundle.spec.blocks['action_expert'].runs == STEPS
    np.testing.assert_array_equal(answer(bundle), answer(bundle, steps=STEPS))
    assert not np.array_equal(answer(bundle), answer(bundle, steps=STEPS - 1))


@pytest.mark.parametrize('scale', [0.0, 0.25, 1.0])
def test_noise_that_is_scaled_scatters_the_answers_as_much_less(bundle, scale):
    middle = answer(bundle, noise_scale=0.0)
    np.testing.assert_array_equal(middle, answer(bundle, noise_scale=0.0, seed=4, sequence=9))
    whole = answer(bundle, noise_scale=1.0, seed=4) - middle
    got = answer(bundle, noise_scale=scale, seed=4) - middle
    np.testing.assert_allclose(got, scale * whole, atol=2e-6)


def test_bundle_says_how_much_noise_there_is_where_nobody_else_does(bundle, tmp_path):
    folder = shutil.copytree(bundle.path, tmp_path / 'calm')
    content = json.loads((folder / 'policy.json').read_text())
    content['flow']['noise_scale'] = 0.5
    (folder / 'policy.json').write_text(json.dumps(content))
    calm = load_bundle(folder)
    np.testing.assert_array_equal(answer(calm), answer(bundle, noise_scale=0.5))
    np.testing.assert_array_equal(answer(calm, noise_scale=1.0), answer(bundle))
    content['flow']['noise_scale'] = -1.0
    (folder / 'policy.json').write_text(json.dumps(content))
    with pytest.raises(ConfigError, match='noise_scale: got -1.0, expected finite'):
        load_bundle(folder)


def test_seed_and_request_alone_decide_the_noise(bundle):
    first = answer(bundle, seed=1, sequence=2)
    np.testing.assert_array_equal(first, answer(bundle, seed=1, sequence=2))
    assert not np.array_equal(first, answer(bundle, seed=2, sequence=1))


def test_long_instruction_is_read_to_the_length_of_the_policy_and_that_is_said(bundle, caplog):
    told = policy(bundle)
    long, longer = 'x' * 100, 'x' * 200
    answers = [told.predict(pictures(), STATE, text)[0] for text in (long, long, longer)]
    np.testing.assert_array_equal(answers[0], answers[2])
    assert [record.getMessage()[:12] for record in caplog.records] == ['instruction '] * 2
    assert '101 tokens, of which the policy reads the first 24' in caplog.text


def test_newline_is_added_once(bundle):
    told = policy(bundle)
    answers = [told.predict(pictures(), STATE, text)[0] for text in ('Put it.', 'Put it.\n')]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize('file', ['tokenizer.json', 'language.npy'])
@pytest.mark.parametrize('damage', ['altered', 'missing'])
def test_language_files_are_those_of_the_policy_or_it_does_not_load(tmp_path, file, damage):
    path = write_flow_bundle(tmp_path / 'flow') / file
    if damage == 'missing':
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b'x')
    with pytest.raises(ConfigError, match=f'{file}: .*(not there|altered)'):
        load_bundle(path.parent)
    load_bundle(path.parent, ['vision_encoder', 'action_expert'])  # which do not need it


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: c.pop('language'), 'language: got none'),
        (lambda c: c.pop('flow'), 'flow: got none'),
        (lambda c: c['language'].update(prompt='gemma'), "prompt: got 'gemma', expected one of"),
        (lambda c: c['language'].update(words=5), r'language_mask: got .* expected .*\(1, 5\)'),
        (lambda c: c['flow'].update(width=5), 'flow: got 6 offsets, 6 scales and width 5'),
        (lambda c: c['flow'].update(scale=[1.0]), 'flow: got 6 offsets, 1 scales'),
        (lambda c: c['flow'].update(depth=1), "flow: got keys .*'depth'"),
        (lambda c: c.update(chunk_size=5), r'noisy: got .* expected float32 \(1, 5, 8\)'),
        (lambda c: c['blocks']['action_expert'].update(runs=0), 'runs: got 0, expected 1 to'),
    ],
)
def test_contradiction_in_policy_json_is_named(tmp_path, change, message):
    file = write_flow_bundle(tmp_path / 'flow') / 'policy.json'
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=message):
        load_bundle(file.parent)


def queued(values, start, delay):
    """Return rows that are played from time 10 s on, for a chunk that begins at ``start``."""
    return Queued(ActionChunk(values, 10.0, 1 / FPS, 1, JOINTS), start, delay)


def other_chunk():
    rng = np.random.default_rng(8)
    return np.cumsum(rng.normal(0, 0.05, (CHUNK, len(JOINTS))), axis=0)


@pytest.mark.parametrize('held_rows', [0, 10], ids=['not trained for it', 'trained for it'])
def test_held_rows_are_those_that_are_being_played_at_the_same_times(tmp_path, held_rows):
    bundle = load_bundle(write_flow_bundle(tmp_path / 'flow', held_rows=held_rows))
    old = other_chunk()
    got = answer(bundle, queued(old, 10.0 + 3 / FPS, delay=6), continuation='hold')
    np.testing.assert_allclose(got[:7], old[3:10], atol=1e-5)
    free = answer(bundle)
    np.testing.assert_array_equal(got[7:], free[7:])  # rows of this flow do not see each other


@pytest.mark.parametrize('latency', [0.0, 0.01, 0.05, 2 / FPS, 0.3, 0.31])
def test_held_chunk_has_no_step_wherever_between_two_rows_it_arrives(bundle, latency):
    start = 10.0 + 3 / FPS
    told = queued(other_chunk(), start, delay=ceil(latency * FPS - 1e-6))
    new = replace(told.chunk, values=answer(bundle, told, continuation='hold'), start=start)
    until = np.linspace(start, start + latency, 7)
    np.testing.assert_allclose(new.at(until), told.chunk.at(until), atol=1e-5)


def test_guided_rows_are_led_to_those_that_are_being_played_and_then_let_go(bundle):
    old = other_chunk()
    free = answer(bundle)
    got = answer(bundle, queued(old, 10.0 + 2 / FPS, delay=4), continuation='guide')
    apart, led = np.abs(free[:18] - old[2:]), np.abs(got[:18] - old[2:])
    assert led[:5].mean() < 0.35 * apart[:5].mean()
    assert led[:4].mean() < led[8:12].mean()
    np.testing.assert_array_equal(got[15:], free[15:])


@pytest.mark.parametrize('how', ['guide', 'hold'])
def test_queue_that_ends_before_the_chunk_begins_leaves_it_free(bundle, how):
    past = queued(other_chunk(), 10.0 + 2 * CHUNK / FPS, delay=4)
    np.testing.assert_array_equal(answer(bundle, past, continuation=how), answer(bundle))


def test_what_is_queued_is_not_continued_unless_asked_for(bundle):
    np.testing.assert_array_equal(answer(bundle, queued(other_chunk(), 10.0, 5)), answer(bundle))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'continuation': 'follow'}, "continuation: got 'follow', expected one of"),
        ({'steps': -1}, 'denoise_steps and seed: got -1 and 0'),
        ({'noise_scale': -0.5}, 'noise_scale: got -0.5, expected 0 or more'),
    ],
)
def test_setting_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        ExpertSettings(**settings)


def test_memory_with_one_nan_is_no_action_and_the_next_request_is_answered(bundle):
    told = policy(bundle)
    run = told.llm_backbone.run

    def broken(*args):
        made = run(*args)
        made['memory'][0, 3, 3] = np.nan
        return made

    told.llm_backbone.run = broken
    with pytest.raises(VlaError, match='NaN or infinity among the actions'):
        told.predict(pictures(), STATE)
    told.llm_backbone.run = run
    np.testing.assert_array_equal(told.predict(pictures(), STATE)[0], answer(bundle))
