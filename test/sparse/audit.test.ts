import { describe, expect, it } from 'vitest';
import { ArrayRows } from '../../src/sampling/distribution.js';
import { SparseAudit, divergence, pooledStats } from '../../src/sparse/audit.js';
import { dense } from '../helpers/table-model.js';

describe('an audit', () => {
  it('asks for the first of so many batches, or for none', () => {
    const every = new SparseAudit(3);
    expect(Array.from({ length: 7 }, () => every.next())).toEqual([
      true,
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
    const none = new SparseAudit(0);
    expect(Array.from({ length: 3 }, () => none.next())).toEqual([false, false, false]);
    expect(none.stats).toMatchObject({ rounds: 3, audits: 0, totalVariation: null, topAgreement: null });
  });

  it('tells means over rows', () => {
    const audit = new SparseAudit(1);
    audit.compare(
      new ArrayRows([dense(0.5, 0.25, 0.25), dense(0.75, 0.25)]),
      new ArrayRows([dense(0.25, 0.5, 0.25), dense(0.75, 0.25)]),
    );
    const { totalVariation, topAgreement, auditedRows, divergence: mean } = audit.stats;
    expect({ totalVariation, topAgreement, auditedRows }).toEqual({
      totalVariation: 0.125,
      topAgreement: 0.5,
      auditedRows: 2,
    });
    expect(mean).toBeCloseTo((0.5 * Math.log(2) + 0.25 * Math.log(0.5)) / 2, 12);
  });

  it('is pooled over generations by the rows of each', () => {
    const [one, other] = [new SparseAudit(1), new SparseAudit(1)];
    one.next();
    one.compare(new ArrayRows([dense(1)]), new ArrayRows([dense(0, 1)]));
    other.next();
    other.compare(
      new ArrayRows([dense(1), dense(1), dense(1)]),
      new ArrayRows([dense(1), dense(1), dense(1)]),
    );
    expect(pooledStats([one.stats, other.stats, new SparseAudit(0).stats])).toMatchObject({
      rounds: 2,
      audits: 2,
      auditedRows: 4,
      totalVariation: 0.25,
      topAgreement: 0.75,
    });
    expect(pooledStats([])).toBeUndefined();
  });

  it('stays finite where truncation leaves a token out', () => {
    expect(divergence(dense(0.5, 0.5), dense(1))).toBeCloseTo(
      0.5 * Math.log(0.5) + 0.5 * Math.log(0.5 / 1e-9),
      12,
    );
  });
});
