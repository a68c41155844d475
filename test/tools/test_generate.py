# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `vla_ros generate` is told, and words that do not go together."""

import pytest

pytest.importorskip('mujoco')

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.arrays import ArrayDataset
from vla_ros.sim.tea_bag.goals import GOALS
from vla_ros.tools.main import parse


def generate(*words):
    """Run the command and let its errors pass."""
    args = parse(['generate', *map(str, words)])
    return args.run(args)


def test_each_demonstration_is_asked_for_the_other_goal_in_the_middle(tmp_path):
    words = ('--clusters', 5, '--goal', 'mug', 'saucer', '--starts', 1, '--recoveries', 0)
    small = ('--size', '32x24', '--stride', 100, '--workers', 1)
    generate('--output', tmp_path / 'both', '--arrays', '--switch', *words, *small)
    dataset = ArrayDataset(tmp_path / 'both')
    (part,) = dataset.parts()
    told = [dataset.spec.instructions[part.instruction[end - 1]] for end in sorted({*part.end})]
    asked = [[name for name, goal in GOALS.items() if each in goal.taught] for each in told]
    assert asked == [['mug'], ['saucer'], ['saucer'], ['mug']] and not dataset.spec.rests


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        (['--arrays', '--switch', '--goal', 'mug'], '--switch: got 1 goals'),
        (['--arrays', '--scenes', 2, '--seconds', 1], '--seconds: got it with --scenes, where'),
        (['--arrays', '--scenes', 2, '--switch'], '--switch: got it with --scenes'),
        (['--arrays', '--scenes', 2, '--policy', 'x'], '--policy: got it with --scenes'),
        (['--arrays', '--scenes', 2, '--starts', 2], '--starts: got it with --scenes'),
        (['--arrays', '--policy', 'tea_bag_act', '--noise', 0.1], '--noise: got it with --policy'),
        (['--arrays', '--latency', 0.1], '--latency: got it without --policy and --scenes'),
        (['--noise', 0.5], '--noise: got it without --arrays, where it changes nothing'),
        (['--starts', 10**9], 'episodes per cluster: got 1000000002, expected at most 100000'),
        (['--arrays', '--astray', 0.5], '--astray: got it without --policy'),
        (['--arrays', '--move', 0.2], '--move: got it without --scenes'),
        (['--switch', '--goal', 'mug', 'saucer'], '--switch: got it without --arrays'),
        (['--seconds', 1], '--seconds: got it without --arrays'),
    ],
)
def test_words_that_do_not_go_together_are_refused(words, complaint, tmp_path):
    with pytest.raises(ConfigError, match=complaint):
        generate('--output', tmp_path / 'data', *words)
    assert not (tmp_path / 'data').exists()


@pytest.mark.parametrize(
    ('what', 'number'),
    [
        *((w, n) for w in ('--seconds', '--interval') for n in ('0', '-1', 'nan', 'inf', 'long')),
        *((w, n) for w in ('--astray', '--move', '--noise') for n in ('-0.1', '1.1', 'nan', 'x')),
        *((word, n) for word in ('--scenes', '--stride') for n in ('0', '-1', '1.5', '²')),
    ],
)
def test_number_that_is_none_is_refused_by_name(what, number, tmp_path, capsys):
    with pytest.raises(SystemExit):
        generate('--output', tmp_path / 'data', '--arrays', what, number)
    assert what in capsys.readouterr().err


@pytest.mark.parametrize('size', ['0x24', '32x0', '32x²', 'front=32x24', '32'])
def test_a_size_that_no_picture_has_is_refused(size, tmp_path):
    with pytest.raises(ConfigError, match=f'--size: got {size!r}, expected WIDTHxHEIGHT'):
        generate('--output', tmp_path / 'data', '--size', size)
