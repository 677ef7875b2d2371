// The picture of rejection against bias, from hand-made reports.
import { describe, expect, it } from 'vitest';
import type { TheoryReport } from '../../../src/bench/theory/compare.js';
import { paretoPicture } from '../../../src/bench/theory/pareto-picture.js';
import { theorySvg } from '../../../src/bench/theory/pictures.js';

const exactly = (value: number) => ({ value, halfWidth: NaN });
const same = (value: number) => ({ predicted: exactly(value), measured: exactly(value) });
const figures = {
  ...{ acceptanceRate: same(0.5), meanAcceptanceLength: same(2), speedup: same(1.5), bias: same(0) },
  rejectionsPer100Tokens: same(20),
};
const reportWith = (parts: object): TheoryReport =>
  ({
    text: { totalVariation: 0.3 },
    totalVariationAlongText: [0.3],
    paretoLine: [],
    tasks: [],
    ...parts,
  }) as never;
const paretoLine = [
  { epsilon: 0, rejection: 0.3, bias: 0 },
  { epsilon: 0.1, rejection: 0.2, bias: 0.1 },
  { epsilon: 1, rejection: 0, bias: 0.3 },
];
const lossy = {
  ...figures,
  method: 'chain:4+pareto:0.1',
  tried: {
    rejection: { predicted: exactly(0.22), measured: { value: 0.21, halfWidth: 0.02 } },
    bias: { predicted: exactly(0.11), measured: { value: 0.12, halfWidth: 0.01 } },
  },
};
const tree = { ...figures, method: 'auto:8+traversal' };

describe('the picture of rejection against bias', () => {
  it('has the line, and of the methods those that decide token by token, as measured', () => {
    const { layer } = paretoPicture(reportWith({ methods: [tree, lossy], paretoLine })) as {
      layer: { data: { values: object[] } }[];
    };
    expect(layer[0]!.data.values).toEqual(paretoLine);
    expect(layer.at(-1)!.data.values).toEqual([
      {
        ...{ method: lossy.method, bias: 0.12, rejection: 0.21 },
        ...{ left: expect.closeTo(0.11), right: expect.closeTo(0.13) },
        ...{ low: expect.closeTo(0.19), high: expect.closeTo(0.23) },
      },
    ]);
  });

  it('is drawn beside the others', async () => {
    expect(await theorySvg(reportWith({ methods: [tree, lossy], paretoLine }))).toMatch(
      /^<svg[^]*bias of a draft token that is tried/,
    );
  });

  it('is left out where no method is lossy', async () => {
    expect(paretoPicture(reportWith({ methods: [tree] }))).toBeUndefined();
    expect(await theorySvg(reportWith({ methods: [tree] }))).not.toContain('bias of a draft token');
  });
});
