# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What each block's precision costs: latency, size, action error, success on the same episodes.

Every variant is a bundle in a working folder, and every episode that it played is a line in a
file beside it: a run that was interrupted goes on where it stopped.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import append_json, read_json, read_lines, write_json
from vla_ros.core.robot import RobotSpec
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.dataset.samples import Sample
from vla_ros.evaluation.paired import PairedDifference, paired_difference
from vla_ros.evaluation.protocol import evaluate
from vla_ros.evaluation.statistics import Rate, success_rate
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import BLOCKS
from vla_ros.quantization.compare import ActionError, action_error, predict_all
from vla_ros.quantization.quantize import bundle_size, quantize_bundle
from vla_ros.quantization.recipe import BlockRecipe, Recipe
from vla_ros.runtime.backends.table import DEFAULT
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.sim.rollout import EpisodeResult, RolloutConfig

REFERENCE = 'fp32'
Note = Callable[[str], None]


@dataclass(frozen=True)
class Variant:
    """One way to compute the policy: the reference, one block alone, or a whole recipe."""

    name: str
    recipe: Recipe | None  # None: as exported
    whole: bool = False  # a recipe to choose, not one block alone

    def bundle(self, source: Bundle, folder: Path) -> Path:
        """Return where the variant's bundle lies or shall lie."""
        return source.path if self.recipe is None else folder / 'bundles' / self.name


@dataclass(frozen=True)
class Latency:
    """Seconds of the whole policy and of each block, from observation to actions."""

    p50: float
    p95: float
    blocks: Mapping[str, float]  # medians


@dataclass(frozen=True)
class Finding:
    """What was measured of one variant."""

    variant: Variant
    size: int  # bytes of the blocks
    latency: Latency
    error: ActionError
    success: Rate | None = None
    difference: PairedDifference | None = None  # to the reference, on the same episodes


def make_variants(recipes: Sequence[Recipe]) -> list[Variant]:
    """Return the reference, each block alone as some recipe has it, and the recipes."""
    alone: dict[str, tuple[BlockRecipe, Recipe]] = {}
    for recipe in recipes:
        for block in (name for name in BLOCKS if name in recipe.blocks):
            part = recipe.alone(block)
            wanted = recipe.block(block)
            name = part.name if recipe.target == DEFAULT else f'{part.name}-{recipe.target}'
            if name in alone and alone[name][0] != wanted:
                name = f'{name}-{recipe.name}'
            alone.setdefault(name, (wanted, replace(part, name=name)))
    whole = [Variant(recipe.name, recipe, whole=True) for recipe in recipes]
    blocks = [Variant(name, recipe) for name, (_, recipe) in alone.items()]
    return [Variant(REFERENCE, None, whole=True), *blocks, *whole]


def build(
    source: Bundle,
    variants: Sequence[Variant],
    samples: Sequence[Sample],
    folder: Path,
    note: Note = lambda text: None,
) -> dict[str, Bundle]:
    """
    Return the bundle of each variant, quantizing those that aren't in ``folder`` yet.

    Raise ConfigError where ``folder`` holds what another policy or recipe left there.
    """
    bundles = {}
    for variant in variants:
        path = variant.bundle(source, folder)
        if variant.recipe is not None and not path.exists():
            note(f'{variant.name}: quantizing')
            path.parent.mkdir(parents=True, exist_ok=True)
            quantize_bundle(source, variant.recipe, samples, path)
        _check_key(folder / f'{variant.name}.json', _key(source, variant, samples))
        bundles[variant.name] = load_bundle(path)
    return bundles


def measure(
    bundles: Mapping[str, Bundle],
    variants: Sequence[Variant],
    samples: Sequence[Sample],
    rounds: int,
    threads: int,
) -> list[Finding]:
    """Return size, latency (variants alternate) and action error against the reference."""
    placement = Placement(default=NodePlacement(threads=threads))
    policies = {name: Policy(bundle, placement) for name, bundle in bundles.items()}
    reference = predict_all(policies[REFERENCE], samples)
    latencies = _alternate(policies, samples, rounds)
    return [
        Finding(
            variant,
            bundle_size(bundles[variant.name]),
            latencies[variant.name],
            action_error(
                reference,
                predict_all(policies[variant.name], samples),
                bundles[REFERENCE].spec,
            ),
        )
        for variant in variants
    ]


def play(
    findings: Sequence[Finding],
    bundles: Mapping[str, Bundle],
    plan: Sequence[PlannedEpisode],
    robot: RobotSpec,
    config: RolloutConfig,
    folder: Path,
    workers: int = 1,
    note: Note = lambda text: None,
) -> list[Finding]:
    """
    Return the findings with the success of each variant on the episodes of ``plan``.

    Episodes that ``folder`` holds already are not played again; the latency in ``config`` is
    the same for all variants, so that their numbers alone make the difference.
    """
    _check_key(folder / 'episodes.json', repr((config, replace(robot, urdf=None))))
    outcomes = {}
    for finding in findings:
        name = finding.variant.name
        file = folder / 'episodes' / f'{name}.jsonl'
        note(f'{name}: {len(plan)} episodes')
        outcomes[name] = _outcomes(file, bundles[name], plan, robot, config, workers)
    return [
        replace(
            finding,
            success=success_rate(sum(outcomes[finding.variant.name]), len(plan)),
            difference=paired_difference(outcomes[REFERENCE], outcomes[finding.variant.name]),
        )
        for finding in findings
    ]


def _outcomes(
    file: Path,
    bundle: Bundle,
    plan: Sequence[PlannedEpisode],
    robot: RobotSpec,
    config: RolloutConfig,
    workers: int,
) -> list[bool]:
    """Return the success of each planned episode, playing those that ``file`` lacks."""
    known = _read_outcomes(file)
    left = [item for item in plan if (item.cluster, item.seed) not in known]

    def keep(result: EpisodeResult) -> None:
        known[result.cluster, result.seed] = result.success
        line = {
            'cluster': result.cluster,
            'seed': result.seed,
            'success': result.success,
            'duration': result.duration,
        }
        append_json(file, line)

    if left:
        evaluate(bundle.path, robot, config, left, workers, keep)
    return [known[item.cluster, item.seed] for item in plan]


def _read_outcomes(file: Path) -> dict[tuple[int, int], bool]:
    """Return the episodes in a file by cluster and seed."""
    lines = map(json.loads, read_lines(file))
    return {(line['cluster'], line['seed']): bool(line['success']) for line in lines}


def _alternate(
    policies: Mapping[str, Policy], samples: Sequence[Sample], rounds: int
) -> dict[str, Latency]:
    """Return the latencies of policies that take turns, so that a busy machine slows all alike."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in policies}
    for number in range(rounds):
        sample = samples[number % len(samples)]
        for name, policy in policies.items():
            answer = policy.predict(sample.images, sample.state, sample.instruction, number)
            taken[name].append(answer[1])
    return {name: _latency(times) for name, times in taken.items()}


def _latency(times: Sequence[Mapping[str, float]]) -> Latency:
    totals = [sum(blocks.values()) for blocks in times]
    p50, p95 = np.percentile(totals, (50, 95))
    medians = {name: float(np.median([blocks[name] for blocks in times])) for name in BLOCKS}
    return Latency(float(p50), float(p95), medians)


def _key(source: Bundle, variant: Variant, samples: Sequence[Sample]) -> str:
    """Return what a variant's results depend on."""
    files = {name: block.sha256 for name, block in source.spec.blocks.items()}
    facts: dict[str, Any] = {'policy': files}
    if variant.recipe is not None:
        facts['recipe'] = variant.recipe.as_dict()
        facts['samples'] = _digest(samples) if variant.recipe.calibrated else ''
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _digest(samples: Sequence[Sample]) -> str:
    digest = hashlib.sha256()
    for sample in samples:
        for array in (*sample.images.values(), np.asarray(sample.state, np.float64)):
            digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _check_key(file: Path, key: str) -> None:
    """Write the key of results, or raise ConfigError where there are results of another one."""
    if not file.exists():
        write_json(file, key)
    elif read_json(file) != key:
        raise ConfigError(
            f'{file}: got results of another policy, recipe, dataset or setting, expected those '
            'of this one; name another --work folder, or remove that one'
        )
