import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { probabilityOf } from '../../src/sampling/distribution.js';
import { totalVariation } from '../../src/sampling/residual.js';
import { acceptanceProbability } from '../../src/theory/acceptance-ratios.js';
import { overAcceptancePoint, paretoOutput, paretoPoint } from '../../src/theory/pareto-line.js';
import { distribution, unit } from '../helpers/arbitraries.js';

const epsilons = fc.double({ min: 0, max: 1, noNaN: true });

describe('the line between rejection and bias', () => {
  it('holds the point of every epsilon', () => {
    fc.assert(
      fc.property(distribution(4), distribution(4), epsilons, (p, q, epsilon) => {
        const point = paretoPoint(p, q, epsilon);
        const general = overAcceptancePoint(p, q, (token) =>
          Math.min(1, (probabilityOf(p, token) + epsilon) / probabilityOf(q, token)),
        );
        expect(point.rejection).toBeCloseTo(general.rejection, 12);
        expect(point.bias).toBeCloseTo(general.bias, 12);
        expect(point.rejection + point.bias).toBeCloseTo(totalVariation(p, q), 12);
      }),
    );
  });

  it('holds every acceptance of at least min(1, p / q), and has none below it', () => {
    const shares = fc.array(unit, { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(distribution(4), distribution(4), shares, (p, q, extra) => {
        const least = (token: number): number =>
          acceptanceProbability(probabilityOf(p, token), probabilityOf(q, token));
        const over = overAcceptancePoint(p, q, (token) => least(token) + extra[token]! * (1 - least(token)));
        expect(over.rejection + over.bias).toBeCloseTo(totalVariation(p, q), 12);
        const any = overAcceptancePoint(p, q, (token) => extra[token]!);
        expect(any.rejection + any.bias).toBeGreaterThanOrEqual(totalVariation(p, q) - 1e-12);
      }),
    );
  });

  it('is reached by an output whose distance from the target is the bias', () => {
    fc.assert(
      fc.property(distribution(4), distribution(4), epsilons, (p, q, epsilon) => {
        const point = paretoPoint(p, q, epsilon);
        const outputs = [0, 1, 2, 3].map((token) => paretoOutput(p, q, { token, epsilon, point }));
        const totals = outputs.map(({ accepted, recovered }) => accepted + recovered);
        const total = totals.reduce((sum, output) => sum + output, 0);
        const distance = totals.reduce(
          (sum, output, token) => sum + Math.abs(output - probabilityOf(p, token)) / 2,
          0,
        );
        const allAccepted = outputs.reduce((sum, { accepted }) => sum + accepted, 0);
        expect(total).toBeCloseTo(1, 12);
        expect(distance).toBeCloseTo(point.bias, 12);
        expect(1 - allAccepted).toBeCloseTo(point.rejection, 12);
      }),
    );
  });
});
