// What a verdict costs on trees of 32 nodes, for truncated and for whole vocabularies.
// npm run bench:verification [-- VERIFIER...]
import { median, quantile } from 'simple-statistics';
import { createVerifier, verifierNames } from '../../src/engine/verifiers.js';
import { NativeDistributionRows } from '../../src/model/sampler.js';
import { sample } from '../../src/sampling/categorical.js';
import type { Distribution } from '../../src/sampling/distribution.js';
import { levelTree } from '../../src/tree/static-trees.js';
import { ROOT, TokenTree, type NodeIndex, type SiblingDraws } from '../../src/tree/token-tree.js';
import { topAndRest } from '../../src/verify/greedy-multi-draft.js';
import type { VerifyRequest } from '../../src/verify/verifier.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { machine } from './measure.js';

const repetitions = 15;
const chosen = process.argv.slice(2);
const chain = Array.from({ length: 32 }, (_, node) => node - 1);
/** 32 nodes: a trunk of 20, and at its first four nodes two siblings with a child or none. */
const bushyTrunk = [...chain.slice(0, 20), -1, -1, 0, 0, 1, 1, 2, 2, 20, 21, 22, 23];
const shapes: Record<string, readonly NodeIndex[]> = {
  'chain of 32': chain,
  'trunk of 20 with 12 side nodes': bushyTrunk,
  'static:2,2,2,2 and 2 more': [...levelTree([2, 2, 2, 2]), 14, 14],
};

/** A draft that the target mostly agrees with: rows of both, [size]. */
function randomPair(random: SeededRandom, vocabSize: number, size: number): [Distribution, Distribution] {
  const ids = Int32Array.from({ length: size }, (_, index) => Math.floor((index * vocabSize) / size));
  const logits = Float64Array.from(ids, () => 3 * random.normal());
  const normalise = (noise: number): Distribution => {
    const weights = logits.map((logit) => Math.exp(logit + noise * random.normal()));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { ids, probs: weights.map((weight) => weight / sum) };
  };
  return [normalise(0), normalise(0.15)];
}

/** Draws a tree of this shape and the rows it was drawn from, as native rows. */
function randomRequest(
  random: SeededRandom,
  parents: readonly NodeIndex[],
  siblings: SiblingDraws,
  vocabSize: number,
  size: number,
): VerifyRequest {
  const pairs = Array.from({ length: 4 }, () => randomPair(random, vocabSize, size));
  const pairOf = (node: NodeIndex): [Distribution, Distribution] => pairs[(node + 1) % pairs.length]!;
  const tokens: number[] = [];
  const draftRows: Distribution[] = [];
  parents.forEach((parent, node) => {
    const taken = parents.flatMap((other, at) => (at < node && other === parent ? [tokens[at]!] : []));
    const isLast = !parents.includes(parent, node + 1);
    const fresh = pairOf(parent)[1];
    let row = fresh;
    if (siblings === 'topThenSampled' && !isLast) {
      const token = topAndRest(fresh, taken.length + 1).top.at(-1)!;
      row = { ids: Int32Array.of(token), probs: Float64Array.of(1) };
    } else if (siblings !== 'withReplacement') row = without(fresh, taken);
    draftRows.push(row);
    tokens.push(sample(row, random.uniform()));
  });
  const tree = new TokenTree(tokens, parents);
  const unit = (): number => random.uniform();
  return {
    tree,
    targetProbs: NativeDistributionRows.pack([ROOT, ...parents.keys()].map((node) => pairOf(node)[0])),
    draftProbs: NativeDistributionRows.pack(draftRows),
    uniforms: {
      accept: Float64Array.from(tokens, unit),
      sample: Float64Array.from({ length: tree.maxDepth + 1 }, unit),
    },
  };
}

function without({ ids, probs }: Distribution, taken: readonly number[]): Distribution {
  const kept = Array.from(ids.keys()).filter((index) => !taken.includes(ids[index]!));
  const mass = kept.reduce((sum, index) => sum + probs[index]!, 0);
  return {
    ids: Int32Array.from(kept, (index) => ids[index]!),
    probs: Float64Array.from(kept, (index) => probs[index]! / mass),
  };
}

process.stdout.write(`${machine()}\n`);
for (const [kind, vocabSize, size] of [
  ['top-k 40', 128_000, 40],
  ['128,000 tokens', 128_000, 128_000],
] as const) {
  for (const name of verifierNames.filter((known) => chosen.length === 0 || chosen.includes(known))) {
    const verifier = createVerifier(name, name === 'pareto' ? 0.1 : undefined);
    for (const [shape, parents] of Object.entries(shapes)) {
      if (verifier.chainsOnly && parents !== chain) continue;
      const random = new SeededRandom(11, `${name} ${shape}`);
      const drawn: SiblingDraws = verifier.needsDraftProbs ? verifier.siblings[0]! : 'withoutReplacement';
      const times: number[] = [];
      let accepted = 0;
      for (let repetition = -3; repetition < repetitions; repetition++) {
        const request = randomRequest(random, parents, drawn, vocabSize, size);
        const started = performance.now();
        const verdict = verifier.verify(request);
        if (repetition >= 0) times.push(performance.now() - started);
        accepted += Math.max(0, Math.sign(repetition + 1)) * verdict.acceptedNodes.length;
        request.targetProbs.release?.();
        request.draftProbs?.release?.();
      }
      process.stdout.write(
        `${kind}, ${name}, ${shape}: median ${median(times).toFixed(3)} ms, ` +
          `nine in ten below ${quantile(times, 0.9).toFixed(3)} ms, ${(accepted / repetitions).toFixed(1)} accepted\n`,
      );
    }
  }
}
