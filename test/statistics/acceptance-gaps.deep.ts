// What every multi-draft rule accepts of 1 to 8 siblings against the optimum, on random and on model-made laws.
import { join } from 'node:path';
import { mean, sampleStandardDeviation, sum } from 'simple-statistics';
import { beforeAll, describe, expect, it } from 'vitest';
import { demoModel } from '../../src/cli/models.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import { sample } from '../../src/sampling/categorical.js';
import type { OwnDraws } from '../../src/tree/token-tree.js';
import { TraversalVerifier } from '../../src/verify/traversal.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { exactContext } from '../helpers/engines.js';
import { writeLineChart } from '../helpers/line-chart.js';
import { report } from '../helpers/report.js';
import { decodeChain, takeRows } from '../helpers/rows.js';
import { storyOpenings } from '../helpers/story-openings.js';
import {
  compare,
  drawRound,
  exactRejection,
  largestExcess,
  leastAccepted,
  methods,
  optimaOf,
  randomPair,
  recursiveWithoutReplacement,
  siblingCounts,
  summarize,
  type Comparison,
  type Optima,
  type Pair,
} from './acceptance-gaps.js';

const numPairs = 200;
const tokensPerStory = 40;

const drawNames: Record<OwnDraws, string> = {
  deterministic: 'likeliest',
  withReplacement: 'with replacement',
  withoutReplacement: 'without replacement',
  topThenSampled: 'likeliest, one sampled',
};

/** Evenly spread positions of stories that the demo target samples: its rows there and those of the demo draft. */
async function modelPairs(): Promise<Pair[]> {
  const random = new SeededRandom(1, 'stories');
  const sampler = new Sampler({ temperature: 1 });
  const [targetModel, draftModel] = [
    await loadModel(demoModel('target'), { gpu: 'off' }),
    await loadModel(demoModel('draft'), { gpu: 'off' }),
  ];
  const contextOptions = { ...exactContext, contextSize: 256 };
  const target = await targetModel.createContext(contextOptions);
  const draft = await draftModel.createContext(contextOptions);
  const pairs: Pair[] = [];
  for (const opening of storyOpenings) {
    const prompt = Array.from(targetModel.tokenizer.encode(opening));
    const tokens = [...prompt];
    const targetRows = [];
    await target.sequence().prefill(tokens.slice(0, -1));
    for (let drawn = 0; drawn < tokensPerStory; drawn++) {
      const row = await decodeChain(target.sequence(), tokens.slice(-1), sampler);
      targetRows.push(row);
      tokens.push(sample(row, random.uniform()));
    }
    await draft.sequence().prefill(prompt.slice(0, -1));
    const given = tokens.slice(prompt.length - 1, -1);
    const draftRows = takeRows(await draft.sequence().decode({ tokens: given, sampler }));
    pairs.push(...targetRows.map((row, index) => ({ target: row, draft: draftRows[index]! })));
  }
  for (const owned of [target, draft, targetModel, draftModel]) owned.dispose();
  return Array.from(
    { length: numPairs },
    (_, index) => pairs[Math.floor((index * pairs.length) / numPairs)]!,
  );
}

interface PairSet {
  readonly name: string;
  readonly pairs: readonly Pair[];
  readonly optima: readonly Optima[];
  readonly comparisons: readonly Comparison[];
}

function pairSet(name: string, pairs: readonly Pair[]): PairSet {
  const optima = pairs.map(optimaOf);
  return { name, pairs, optima, comparisons: compare(pairs, optima, new SeededRandom(2, name)) };
}

const optimumOf = ({ optima }: PairSet, siblings: OwnDraws, count: number): number[] =>
  optima.map((ofPair) => ofPair[siblings][count - 1]!);

function tableOf(set: PairSet): Record<string, string | number>[] {
  return set.comparisons.map((comparison) => {
    const { method, count } = comparison;
    const { acceptance, standardError, optimum, meanRatio, worstRatio } = summarize(comparison);
    const [ofWith, ofWithout] = (['withReplacement', 'withoutReplacement'] as const).map((draws) =>
      summarize(comparison, optimumOf(set, draws, count)),
    );
    return {
      rule: method.rule,
      siblings: drawNames[method.siblings],
      K: count,
      acceptance,
      standardError,
      optimum,
      meanRatio,
      worstRatio,
      ofWith: ofWith!.meanRatio,
      worstOfWith: ofWith!.worstRatio,
      ofWithout: ofWithout!.meanRatio,
      worstOfWithout: ofWithout!.worstRatio,
    };
  });
}

function linesOf(set: PairSet): { pairs: string; line: string; siblings: number; acceptance: number }[] {
  const optimalLines = (['withoutReplacement', 'withReplacement'] as const).flatMap((draws) =>
    siblingCounts.map((siblings) => ({
      pairs: set.name,
      line: `optimum, ${drawNames[draws]}`,
      siblings,
      acceptance: mean(optimumOf(set, draws, siblings)),
    })),
  );
  const lines = set.comparisons.map((comparison) => ({
    pairs: set.name,
    line: `${comparison.method.rule}, ${drawNames[comparison.method.siblings]}`,
    siblings: comparison.count,
    acceptance: summarize(comparison).acceptance,
  }));
  return [...optimalLines, ...lines];
}

const sets: PairSet[] = [];
const setNames = ['random pairs', 'model-made pairs'] as const;
const setOf = (name: string): PairSet => sets.find((set) => set.name === name)!;
const ofRule = (set: PairSet, rule: string, siblings: OwnDraws): Comparison[] =>
  set.comparisons.filter(({ method }) => method.rule === rule && method.siblings === siblings);

beforeAll(async () => {
  const random = new SeededRandom(1, 'pairs');
  const pairs = Array.from({ length: numPairs }, () => randomPair(random));
  sets.push(pairSet(setNames[0], pairs), pairSet(setNames[1], await modelPairs()));
}, 600_000);

describe.each(setNames)('on 200 %s', (name) => {
  it('no rule accepts more than the optimum of its siblings', () => {
    const set = setOf(name);
    report(`Acceptance of K siblings, means over ${numPairs} ${name}`, tableOf(set));
    for (const comparison of set.comparisons) {
      // The optimum without replacement is an integral, by quadrature.
      const tolerance = comparison.method.siblings === 'withoutReplacement' ? 1e-6 : 1e-9;
      expect(largestExcess(comparison)).toBeLessThan(tolerance);
    }
  });

  it('one sibling is accepted with the overlap, 1 - TV, whatever the rule and the draws but naive', () => {
    for (const { method, count, accepted, optimal } of setOf(name).comparisons) {
      if (count > 1 || method.rule === 'naive') continue;
      accepted.forEach(({ value }, index) => expect(Math.abs(value - optimal[index]!)).toBeLessThan(1e-6));
    }
  });

  // Theorem: with its draws the optimum is attained (Hu et al., arXiv:2502.18779, sec. 5). Against the optima of
  // sampled siblings it has no bound either way: the paper measures both, and so does the table.
  it('greedy-multi-draft is the optimum of its siblings', () => {
    for (const { accepted, optimal } of ofRule(setOf(name), 'greedy-multi-draft', 'topThenSampled'))
      accepted.forEach(({ value }, index) => expect(value).toBeCloseTo(optimal[index]!, 9));
  });

  // Theorem: k-seq has 1 - 1/e of the optimum (Sun et al., arXiv:2310.15141, theorem 2), which the floor used here
  // implies. For recursive the papers give a closed form and no floor; the one used here is proved at `leastAccepted`.
  // That rules in use stay within a few percent of the optimum is what papers measure on their models: not asserted.
  it.each(['k-seq', 'recursive'])('%s with replacement is within the gap that theory gives', (rule) => {
    const set = setOf(name);
    for (const { count, accepted, optimal } of ofRule(set, rule, 'withReplacement')) {
      accepted.forEach(({ value }, index) => {
        const floor = leastAccepted(set.pairs[index]!, count);
        expect(value).toBeGreaterThanOrEqual(floor - 1e-9);
        expect(floor).toBeGreaterThanOrEqual((1 - (1 - 1 / count) ** count) * optimal[index]! - 1e-9);
      });
    }
  });

  // Theorem: the first sibling alone is accepted with the overlap, and more of them only add. That drawing without
  // replacement accepts more than with it was so in all that was tried; the papers do not prove it.
  it('recursive without replacement accepts no less of more siblings', () => {
    const comparisons = ofRule(setOf(name), 'recursive', 'withoutReplacement');
    comparisons.slice(1).forEach(({ accepted }, index) => {
      const fewer = comparisons[index]!.accepted;
      accepted.forEach(({ value }, pair) => expect(value).toBeGreaterThanOrEqual(fewer[pair]!.value - 1e-12));
    });
  });

  it('the code of the rules accepts as much', () => {
    const set = setOf(name);
    const random = new SeededRandom(3, name);
    const roundsPerPair = name === 'random pairs' ? 64 : 4;
    for (const { method, count, accepted } of set.comparisons.filter(
      (comparison) => comparison.count === 4,
    )) {
      const differences = set.pairs.map((pair, index) => {
        const verdicts = Array.from({ length: roundsPerPair }, () =>
          method.verifier.verify(drawRound(pair, method.siblings, count, random)),
        );
        return mean(verdicts.map(({ acceptedNodes }) => acceptedNodes.length)) - accepted[index]!.value;
      });
      const error = sampleStandardDeviation(differences) / Math.sqrt(numPairs);
      expect(Math.abs(mean(differences))).toBeLessThan(4 * error);
    }
  });

  it('traversal gives the verdicts of recursive on one level', () => {
    const random = new SeededRandom(4, name);
    const traversal = new TraversalVerifier();
    for (const { siblings, verifier } of methods.filter(({ rule }) => rule === 'recursive')) {
      for (const pair of setOf(name).pairs) {
        for (const count of siblingCounts) {
          const round = drawRound(pair, siblings, count, random);
          expect(traversal.verify(round)).toEqual(verifier.verify(round));
        }
      }
    }
  });
});

describe('the comparison', () => {
  it('estimates recursive without replacement as the enumeration gives it', () => {
    const random = new SeededRandom(5, 'enumeration');
    const deviations = setOf('random pairs')
      .pairs.filter(({ draft }) => draft.ids.length <= 8)
      .flatMap((pair) =>
        recursiveWithoutReplacement(pair, random, 1000).map(({ value, standardError }, index) => {
          const exact = 1 - exactRejection(pair.target, pair.draft, siblingCounts[index]!);
          return { difference: value - exact, standardError };
        }),
      );
    expect(deviations.length).toBeGreaterThan(100);
    // Rejections that are so rare that a thousand trees may not meet one have no standard error to speak of.
    for (const { difference, standardError } of deviations)
      expect(Math.abs(difference)).toBeLessThan(5 * standardError + 2e-4);
    const total = Math.sqrt(sum(deviations.map(({ standardError }) => standardError ** 2)));
    expect(Math.abs(sum(deviations.map(({ difference }) => difference)))).toBeLessThan(4 * total);
  });

  const folder = process.env['OUTRIDER_PICTURES'];
  it.skipIf(folder === undefined)('is drawn into OUTRIDER_PICTURES', async () => {
    const rows = sets.flatMap(linesOf);
    await writeLineChart({
      title: 'Acceptance of K siblings by each rule, and the optimum for sampled siblings',
      rows,
      x: { field: 'siblings', title: 'siblings K' },
      y: { field: 'acceptance', title: 'mean acceptance' },
      yExponent: 3,
      colour: { field: 'line', title: 'rule, siblings' },
      dashed: rows.map(({ line }) => line).filter((line) => line.startsWith('optimum')),
      facet: { field: 'pairs', title: 'pairs' },
      path: join(folder!, 'acceptance.svg'),
    });
  });
});
