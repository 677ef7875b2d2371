// Goodness-of-fit tests on counted outcomes. Knows nothing of where the counts come from.
import chiSquareCdf from '@stdlib/stats-base-dists-chisquare-cdf';

/** How often each outcome came; outcomes that never came may be left out. */
export type Counts = ReadonlyMap<string, number>;

/** A chi-square test after pooling. */
export interface ChiSquare {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  /** Probability of a statistic at least as large where both sides have one law; in [0, 1]. */
  readonly pValue: number;
}

interface Cell {
  readonly outcome: string;
  /** Expected count of the smaller side: decides what is pooled. */
  readonly expected: number;
  readonly left: number;
  readonly right: number;
}

/** Cells expected less often are pooled, the rarest first. */
const leastExpected = 5;

/**
 * Tests counts against a law.
 * @param law  probabilities that sum to 1 up to rounding; an outcome outside of it gives p = 0
 */
export function testAgainstLaw(counts: Counts, law: Counts): ChiSquare {
  if ([...counts].some(([outcome, count]) => count > 0 && !((law.get(outcome) ?? 0) > 0))) {
    return { statistic: Infinity, degreesOfFreedom: law.size - 1, pValue: 0 };
  }
  const total = sum(counts.values());
  const cells = [...law].map(([outcome, probability]) => ({
    outcome,
    expected: total * probability,
    left: counts.get(outcome) ?? 0,
    right: 0,
  }));
  const pooled = pool(cells);
  return chiSquare(
    sum(pooled.map(({ expected, left }) => (left - expected) ** 2 / expected)),
    pooled.length - 1,
  );
}

/** Tests whether two samples come from one law. */
export function testOfTwo(left: Counts, right: Counts): ChiSquare {
  const [leftTotal, rightTotal] = [sum(left.values()), sum(right.values())];
  const smallerShare = Math.min(leftTotal, rightTotal) / (leftTotal + rightTotal);
  const outcomes = new Set([...left.keys(), ...right.keys()]);
  const pooled = pool(
    [...outcomes].map((outcome) => {
      const counted = { left: left.get(outcome) ?? 0, right: right.get(outcome) ?? 0 };
      return { ...counted, outcome, expected: (counted.left + counted.right) * smallerShare };
    }),
  );
  const [leftScale, rightScale] = [Math.sqrt(rightTotal / leftTotal), Math.sqrt(leftTotal / rightTotal)];
  return chiSquare(
    sum(
      pooled.map((cell) => (cell.left * leftScale - cell.right * rightScale) ** 2 / (cell.left + cell.right)),
    ),
    pooled.length - 1,
  );
}

/**
 * Holm's step-down procedure.
 * @param familyError  probability, at most, of rejecting any true hypothesis
 * @returns [numTests], true where the hypothesis is rejected
 */
export function holm(pValues: readonly number[], familyError: number): boolean[] {
  const order = [...pValues.keys()].sort((one, other) => pValues[one]! - pValues[other]!);
  const isRejected = pValues.map(() => false);
  for (const [rank, index] of order.entries()) {
    if (!(pValues[index]! <= familyError / (pValues.length - rank))) break;
    isRejected[index] = true;
  }
  return isRejected;
}

/**
 * Joins the rarest cells until each is expected often enough; what is left over goes to the last one made. Ties are
 * ordered by name: an order that depends on the side an outcome was seen on would make two equal samples differ.
 */
function pool(cells: readonly Cell[]): Omit<Cell, 'outcome'>[] {
  const pooled = [];
  let open = nothing;
  for (const cell of cells.toSorted(byExpectation)) {
    open = join(open, cell);
    if (open.expected < leastExpected) continue;
    pooled.push(open);
    open = nothing;
  }
  if (open.expected > 0) pooled.push(join(open, pooled.pop() ?? nothing));
  return pooled;
}

const nothing = { expected: 0, left: 0, right: 0 };

function byExpectation(one: Cell, other: Cell): number {
  return one.expected - other.expected || (one.outcome < other.outcome ? -1 : 1);
}

function join(one: typeof nothing, other: typeof nothing): typeof nothing {
  return {
    expected: one.expected + other.expected,
    left: one.left + other.left,
    right: one.right + other.right,
  };
}

function chiSquare(statistic: number, degreesOfFreedom: number): ChiSquare {
  const pValue = degreesOfFreedom === 0 ? 1 : 1 - chiSquareCdf(statistic, degreesOfFreedom);
  return { statistic, degreesOfFreedom, pValue };
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}
