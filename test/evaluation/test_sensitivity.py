# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sensitivity: variants, what is measured of them, episodes that are played once, the report."""

import json
from dataclasses import replace

import pytest

pytest.importorskip('mujoco')
pytest.importorskip('matplotlib')

from report_page import read_page

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import load_robot
from vla_ros.dataset.plan import find_plan
from vla_ros.evaluation import sensitivity, sensitivity_report
from vla_ros.evaluation.paired import paired_difference
from vla_ros.evaluation.protocol import plan_set
from vla_ros.evaluation.sensitivity import Latency, Variant, build, make_variants, measure, play
from vla_ros.evaluation.statistics import success_rate
from vla_ros.quantization.recipe import BlockRecipe, Calibration, Recipe
from vla_ros.sim.rollout import EpisodeResult, RolloutConfig

FAST = Calibration(8, 'minmax')
DYNAMIC = BlockRecipe('int8_dynamic')
MIX = Recipe(
    'mix',
    {'vision_encoder': BlockRecipe('int8_static'), 'llm_backbone': DYNAMIC},
    calibration=FAST,
)
ALL = replace(MIX, name='all', blocks={**MIX.blocks, 'action_expert': DYNAMIC})
CONFIG = RolloutConfig(timeout=0.1, latency=0.05)


@pytest.fixture(scope='module')
def built(bundle, samples, tmp_path_factory):
    """Return the folder, the variants and the bundles of one build."""
    folder, variants = tmp_path_factory.mktemp('work'), make_variants([MIX])
    return folder, variants, build(bundle, variants, samples, folder)


@pytest.fixture(scope='module')
def findings(built, samples):
    return measure(built[2], built[1], samples, rounds=3, threads=1)


def test_every_block_is_tried_alone_once_and_then_the_recipes():
    names = [variant.name for variant in make_variants([MIX, ALL])]
    assert names == [
        'fp32',
        'vision_encoder-int8_static',
        'llm_backbone-int8_dynamic',
        'action_expert-int8_dynamic',
        'mix',
        'all',
    ]


def test_blocks_that_recipes_treat_differently_are_kept_apart():
    other = Recipe('other', {'llm_backbone': BlockRecipe('int8_dynamic', {'*_0': 'fp32'})})
    names = [variant.name for variant in make_variants([MIX, other])]
    assert 'llm_backbone-int8_dynamic-other' in names


def test_size_latency_and_error_are_measured_of_every_variant(findings):
    found = {item.variant.name: item for item in findings}
    assert found['fp32'].error.mae == 0
    assert 0 < found['llm_backbone-int8_dynamic'].error.mae < 0.05
    assert all(item.latency.p50 > 0 and item.size > 0 for item in findings)
    blocks = found['mix'].latency.blocks
    assert set(blocks) == {'vision_encoder', 'llm_backbone', 'action_expert'}


def test_what_was_built_is_not_built_again(built, bundle, samples, monkeypatch):
    monkeypatch.setattr(sensitivity, 'quantize_bundle', None)
    again = build(bundle, built[1], samples, built[0])
    assert again.keys() == built[2].keys()


def test_a_folder_with_results_of_something_else_is_refused(built, bundle, samples):
    changed = Variant('mix', replace(MIX, blocks={'llm_backbone': DYNAMIC}))
    with pytest.raises(ConfigError, match=r'mix\.json.*another.*--work'):
        build(bundle, [changed], samples, built[0])


def test_a_folder_with_results_of_another_dataset_is_refused(built, bundle, samples):
    with pytest.raises(ConfigError, match=r'vision_encoder-int8_static\.json.*another.*dataset'):
        build(bundle, built[1], samples[::-1], built[0])


def test_a_key_that_is_damaged_is_named(built, bundle, samples, tmp_path):
    (tmp_path / 'fp32.json').touch()
    with pytest.raises(ConfigError, match=r'fp32\.json: cannot be read'):
        build(bundle, built[1][:1], samples, tmp_path)


def test_episodes_are_played_once_and_a_cut_off_line_is_played_again(
    built, findings, tmp_path, monkeypatch
):
    asked = []

    def evaluate(path, robot, config, plan, workers, keep):
        asked.append(len(plan))
        for item in plan:
            keep(EpisodeResult(item.seed, item.cluster, success=item.seed % 2 == 0))

    monkeypatch.setattr(sensitivity, 'evaluate', evaluate)
    plan, robot = (
        plan_set(find_plan('tea_bag'), 'test', 6),
        load_robot(find_config('robots', 'so101')),
    )
    arguments = (findings[:2], built[2], plan, robot, CONFIG, tmp_path)
    first = play(*arguments)
    assert asked == [6, 6] and first[1].difference.value == 0
    file = tmp_path / 'episodes' / 'fp32.jsonl'
    file.write_text(file.read_text()[:-10])
    assert play(*arguments) == first
    assert asked == [6, 6, 1]
    with pytest.raises(ConfigError, match='setting'):
        play(*arguments[:4], replace(CONFIG, latency=1.0), tmp_path)
    with pytest.raises(ConfigError, match='setting'):
        play(*arguments[:3], robot.slowed(0.5), CONFIG, tmp_path)


def test_a_real_episode_is_played_and_kept(built, findings, tmp_path):
    plan, robot = (
        plan_set(find_plan('tea_bag'), 'test', 1),
        load_robot(find_config('robots', 'so101')),
    )
    found = play(findings[:1], built[2], plan, robot, CONFIG, tmp_path)
    assert found[0].success.trials == 1 and not found[0].success.successes
    line = json.loads((tmp_path / 'episodes' / 'fp32.jsonl').read_text())
    assert (line['cluster'], line['seed']) == (plan[0].cluster, plan[0].seed)


def played(finding, milliseconds, lost):
    """Return the finding as if 200 episodes had been played, ``lost`` of them lost."""
    before, after = [True] * 200, [True] * (200 - lost) + [False] * lost
    return replace(
        finding,
        latency=Latency(milliseconds / 1e3, milliseconds / 1e3, finding.latency.blocks),
        success=success_rate(sum(after), 200),
        difference=paired_difference(before, after),
    )


def test_the_fastest_recipe_within_the_allowed_drop_is_recommended(findings):
    found = {item.variant.name: item for item in findings}
    fp32, mix = played(found['fp32'], 40, 0), found['mix']
    assert sensitivity_report.recommend([fp32, played(mix, 20, 3)], 0.02, 1).variant.name == 'mix'
    chosen = sensitivity_report.recommend([fp32, played(mix, 20, 30)], 0.02, 1)
    assert chosen.variant.name == 'fp32'
    assert 'every faster recipe lost more than 2 points' in sensitivity_report.explain(
        chosen, 0.02
    )


def test_a_block_alone_is_no_recommendation(findings):
    found = {item.variant.name: item for item in findings}
    alone = played(found['llm_backbone-int8_dynamic'], 1, 0)
    assert (
        sensitivity_report.recommend([played(found['fp32'], 40, 0), alone], 1, 1).variant.name
        == 'fp32'
    )


def test_how_sure_the_recommendation_is_is_said(findings):
    mix = next(item for item in findings if item.variant.name == 'mix')
    assert 'is not ruled out' in sensitivity_report.explain(played(mix, 20, 3), 0.02)
    assert 'is ruled out' in sensitivity_report.explain(played(mix, 20, 0), 0.02)
    assert 'no episodes' in sensitivity_report.explain(mix, 0.02)


def test_without_episodes_the_action_error_decides(findings):
    mix = next(item for item in findings if item.variant.name == 'mix')
    fast = replace(mix, latency=replace(mix.latency, p50=1e-9))
    assert sensitivity_report.recommend([findings[0], fast], 0.02, 1.0) is fast
    assert sensitivity_report.recommend([findings[0], fast], 0.02, 0.0) is findings[0]


def test_table_json_and_page_show_every_variant_and_mark_what_is_recommended(findings):
    shown = [played(item, 10 + 5 * i, i) for i, item in enumerate(findings)]
    for some in (findings, shown):
        text = sensitivity_report.text_table(some, some[1])
        assert all(item.variant.name in text for item in some)
        marked = [line for line in text.splitlines() if line.startswith('*')]
        assert [line.split()[1] for line in marked] == [some[1].variant.name]
        page = sensitivity_report.write_html('tiny', some, some[1], 0.02)
        seen = read_page(page)
        assert seen.verdict == sensitivity_report.explain(some[1], 0.02)
        assert [row[0] for row in seen.rows] == [item.variant.name for item in some]
        assert page.count('<tr class="chosen">') == 1 and seen.plots == 1
    content = json.loads(json.dumps([sensitivity_report.as_dict(item) for item in shown]))
    assert content[1]['difference']['lost'] == 1 and content[0]['recipe'] is None
