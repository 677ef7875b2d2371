import { describe, expect, it } from 'vitest';
import { ArrayRows, oneHot, probabilityOf } from '../../src/sampling/distribution.js';
import { dense } from '../helpers/table-model.js';

describe('probabilityOf', () => {
  it('finds every token of the support and gives 0 to all others', () => {
    const law = dense(0, 0.1, 0, 0.2, 0.7, 0);
    expect([0, 1, 2, 3, 4, 5, 6].map((token) => probabilityOf(law, token))).toEqual([
      0, 0.1, 0, 0.2, 0.7, 0, 0,
    ]);
  });
});

describe('oneHot', () => {
  it('puts all mass on one token', () => {
    expect([probabilityOf(oneHot(3), 3), probabilityOf(oneHot(3), 2)]).toEqual([1, 0]);
  });
});

describe('ArrayRows', () => {
  it('refuses a row that it does not hold', () => {
    expect(() => new ArrayRows([oneHot(0)]).row(1)).toThrow(RangeError);
  });
});
