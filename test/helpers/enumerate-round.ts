import { ArrayRows, type Distribution } from '../../src/sampling/distribution.js';
import type { RoundUniforms, Verdict, Verifier, VerifyRequest } from '../../src/verify/verifier.js';

/**
 * Where a verdict may change, as a superset for every uniform. The enumeration checks that nothing else changes it.
 */
export interface Breakpoints {
  /** Values of `uniforms.accept[node]` at which its decision may change. */
  accept(request: VerifyRequest, node: number): readonly number[];
  /** Distributions that may be sampled with `uniforms.sample[depth]`. */
  laws(request: VerifyRequest, depth: number): readonly Distribution[];
}

/** A verdict and its probability over the uniforms. */
export interface WeightedVerdict {
  readonly verdict: Verdict;
  readonly probability: number;
}

type Stream = keyof RoundUniforms;

interface Interval {
  readonly low: number;
  readonly high: number;
}

interface Assignment {
  readonly stream: Stream;
  readonly index: number;
  readonly interval: Interval;
}

/** Thrown into the verifier when it reads a uniform that the enumeration has not fixed yet. */
class UnfixedUniform extends Error {
  constructor(
    readonly stream: Stream,
    readonly index: number,
  ) {
    super(`${stream}[${index}]`);
  }
}

// Narrower intervals are rounding: they carry no weight that a test could see, or cannot be probed near their ends.
const narrowest = 1e-15;
const narrowestChecked = 1e-9;
const nearEnd = 1e-4;

/**
 * The law of the verdict over its uniforms, by running the real `verify`.
 *
 * The verdict is piecewise constant in each uniform. The verifier is run with lazy uniforms: the first read of one
 * splits the run into one branch per interval between breakpoints. A branch counts with the product of its interval
 * lengths, is run at the midpoints, and again near both ends of every interval, which must not change the verdict.
 *
 * @throws {Error} when a verdict changes inside an interval: the breakpoints are not those of the code
 */
export function enumerateVerdicts(
  verifier: Verifier,
  request: Omit<VerifyRequest, 'uniforms'>,
  breakpoints: Breakpoints,
): WeightedVerdict[] {
  const run = (assignments: readonly Assignment[], places: readonly number[]) =>
    verifier.verify({ ...request, uniforms: lazyUniforms(request, assignments, places) });
  const explore = (assignments: readonly Assignment[]): WeightedVerdict[] => {
    const middles = assignments.map(() => 0.5);
    let verdict: Verdict;
    try {
      verdict = run(assignments, middles);
    } catch (error) {
      if (!(error instanceof UnfixedUniform)) throw error;
      const { stream, index } = error;
      return intervals(request, breakpoints, stream, index).flatMap((interval) =>
        explore([...assignments, { stream, index, interval }]),
      );
    }
    for (const [which, assignment] of assignments.entries()) {
      for (const place of [nearEnd, 1 - nearEnd]) {
        checkConstant(assignment, verdict, () => run(assignments, middles.with(which, place)));
      }
    }
    const probability = assignments.reduce(
      (product, { interval }) => product * (interval.high - interval.low),
      1,
    );
    return [{ verdict, probability }];
  };
  return explore([]);
}

function lazyUniforms(
  { tree }: Omit<VerifyRequest, 'uniforms'>,
  assignments: readonly Assignment[],
  places: readonly number[],
): RoundUniforms {
  const lazy = (stream: Stream, length: number) =>
    new Proxy(new Float64Array(length), {
      get(array, property) {
        const index = typeof property === 'string' ? Number(property) : NaN;
        if (!(index >= 0 && index < length)) return Reflect.get(array, property, array);
        const which = assignments.findIndex((entry) => entry.stream === stream && entry.index === index);
        if (which === -1) throw new UnfixedUniform(stream, index);
        const { low, high } = assignments[which]!.interval;
        return low + (high - low) * places[which]!;
      },
    });
  return { accept: lazy('accept', tree.numNodes), sample: lazy('sample', tree.maxDepth + 1) };
}

function intervals(
  request: Omit<VerifyRequest, 'uniforms'>,
  breakpoints: Breakpoints,
  stream: Stream,
  index: number,
): Interval[] {
  const full: VerifyRequest = {
    ...request,
    uniforms: { accept: new Float64Array(), sample: new Float64Array() },
  };
  const inner =
    stream === 'accept' ? breakpoints.accept(full, index) : breakpoints.laws(full, index).flatMap(cumulative);
  const ends = [0, ...inner.filter((value) => value > 0 && value < 1), 1].sort((one, other) => one - other);
  return ends
    .slice(1)
    .map((high, place) => ({ low: ends[place]!, high }))
    .filter(({ low, high }) => high - low > narrowest);
}

function cumulative({ probs }: Distribution): number[] {
  const sum = probs.reduce((total, prob) => total + prob, 0);
  let reached = 0;
  return Array.from(probs, (prob) => (reached += prob) / sum);
}

function checkConstant({ stream, index, interval }: Assignment, expected: Verdict, run: () => Verdict): void {
  if (interval.high - interval.low < narrowestChecked) return;
  let received: Verdict | undefined;
  try {
    received = run();
  } catch (error) {
    if (!(error instanceof UnfixedUniform)) throw error;
  }
  if (JSON.stringify(expected) !== JSON.stringify(received)) {
    throw new Error(
      `The verdict changes with ${stream}[${index}] inside (${interval.low}, ${interval.high})`,
    );
  }
}

/** The target rows of a draft: after the root, then after each node. */
export function targetRows(
  tree: VerifyRequest['tree'],
  next: (history: readonly number[]) => Distribution,
): ArrayRows {
  const rows = Array.from(tree.tokens, (_, node) => next(tree.path(node).map((step) => tree.tokens[step]!)));
  return new ArrayRows([next([]), ...rows]);
}
