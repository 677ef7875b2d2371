// What is told of several draft tokens after the same text.
import { describe, expect, it } from 'vitest';
import type { TheoryReport } from '../../../src/bench/theory/compare.js';
import { reportSiblings } from '../../../src/bench/theory/report.js';
import { siblingAcceptance } from '../../../src/bench/theory/sibling-acceptance.js';
import { siblingRows } from '../../../src/bench/theory/table.js';
import { factsOf, type Trace } from '../../../src/bench/theory/trace.js';
import { dense } from '../../helpers/table-model.js';

const target = dense(0.5, 0.3, 0.2);
const draft = dense(0.2, 0.8, 0);

describe('siblings', () => {
  it('of one token are accepted by the overlap, and of more by what rules allow', () => {
    const [one, two, four] = siblingAcceptance(target, draft);
    expect(one).toEqual({
      numSiblings: 1,
      optimal: expect.closeTo(0.5, 12),
      recursive: expect.closeTo(0.5, 12),
    });
    // All lie in {second} with 0.64, in {second, first} always: 1 + min(0.3 - 0.64, 0.8 - 1).
    expect(two!.optimal).toBeCloseTo(0.66, 12);
    // After a rejection the target is (0.3, 0, 0.2) / 0.5.
    expect(two!.recursive).toBeCloseTo(1 - 0.5 * (1 - 0.2), 12);
    expect(four!.optimal).toBeCloseTo(0.8, 12);
  });

  it('are told as means over the positions that were looked at, at which a round may start', () => {
    const facts = factsOf(target, draft, 0, []);
    const alike = { ...facts, siblings: siblingAcceptance(target, target) };
    const trace: Trace = {
      prompt: Int32Array.of(0),
      tokens: [0, 0, 0, 0],
      facts: [{ ...facts, siblings: siblingAcceptance(target, draft) }, facts, alike, alike],
      numStarts: 3,
    };
    const siblings = reportSiblings([trace]);
    expect(siblings.map(({ numSiblings }) => numSiblings)).toEqual([1, 2, 4, 8]);
    expect(siblings[0]!.optimal).toBeCloseTo((0.5 + 1) / 2, 12);
    expect(siblingRows({ siblings } as unknown as TheoryReport)[1]).toEqual(['1', '0.750', '0.750']);
    expect(reportSiblings([{ ...trace, facts: [facts] }])).toEqual([]);
    expect(siblingRows({ siblings: [] } as unknown as TheoryReport)).toEqual([]);
  });
});
