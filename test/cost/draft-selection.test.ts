import { describe, expect, it } from 'vitest';
import { ConfidenceCalibration, selectNodes, type DraftedNode } from '../../src/cost/draft-selection.js';

const chainOf = (confidences: readonly number[]): DraftedNode[] =>
  confidences.map((confidence, index) => ({ confidence, parent: index - 1, depth: index + 1 }));

describe('calibrated confidences', () => {
  it('are the drafter’s own before anything was seen', () => {
    const promised = new ConfidenceCalibration().promised(chainOf([0.9, 0.5]));
    expect(promised[0]).toBe(0);
    expect(promised[1]).toBeCloseTo(0.9, 12);
    expect(promised[2]).toBeCloseTo(0.9 + 0.9 * 0.5, 12);
  });

  it('add up siblings, and multiply along paths', () => {
    const siblings: DraftedNode[] = [
      { confidence: 0.6, parent: -1, depth: 1 },
      { confidence: 0.3, parent: -1, depth: 1 },
      { confidence: 0.5, parent: 1, depth: 2 },
    ];
    expect(new ConfidenceCalibration().promised(siblings)[3]).toBeCloseTo(0.6 + 0.3 + 0.3 * 0.5, 12);
  });

  it('become what comes true of such confidences at such a depth', () => {
    const calibration = new ConfidenceCalibration();
    const boast: DraftedNode = { confidence: 0.95, parent: -1, depth: 1 };
    for (let round = 0; round < 400; round++) calibration.observe(boast, round % 4 === 0);
    expect(calibration.rate(boast)).toBeGreaterThan(0.2);
    expect(calibration.rate(boast)).toBeLessThan(0.3);
    expect(calibration.rate({ ...boast, depth: 2 })).toBeCloseTo(0.95, 12);
    expect(calibration.rate({ ...boast, confidence: 0.5 })).toBeCloseTo(0.5, 12);
  });

  it('go on from what an earlier run learnt, and from nothing where that had other cells', () => {
    const calibration = new ConfidenceCalibration();
    const boast: DraftedNode = { confidence: 0.95, parent: -1, depth: 1 };
    for (let round = 0; round < 50; round++) calibration.observe(boast, round % 4 === 0);
    const { tried, accepted } = calibration.toJSON();
    const again = new ConfidenceCalibration({ tried, accepted });
    expect(again.rate(boast)).toBe(calibration.rate(boast));
    again.observe(boast, true);
    expect(again.rate(boast)).toBeGreaterThan(calibration.rate(boast));
    const other = new ConfidenceCalibration({ tried: tried.slice(1), accepted: accepted.slice(1) });
    expect(other.rate(boast)).toBeCloseTo(0.95, 12);
  });

  it('know certainty and its opposite', () => {
    const calibration = new ConfidenceCalibration();
    for (const confidence of [0, 1]) {
      const node: DraftedNode = { confidence, parent: -1, depth: 1 };
      calibration.observe(node, confidence === 1);
      expect(calibration.rate(node)).toBeCloseTo(confidence, 12);
    }
  });
});

describe('selecting nodes', () => {
  const ms = (numNodes: number): number => 10 + 2 * numNodes;
  const promised = (...confidences: number[]) => new ConfidenceCalibration().promised(chainOf(confidences));

  it('takes the size with the most tokens over what the time brings otherwise', () => {
    for (const confidences of [[0.95, 0.9, 0.9, 0.9], [0.6, 0.2, 0.2], [0.3, 0.3], [0.1]]) {
      const tokens = promised(...confidences);
      const values = Array.from(tokens, (accepted, size) =>
        size === 0 ? 1 - ms(0) / 10 : 0.97 * (1 + accepted) - ms(size) / 10,
      );
      const best = values.indexOf(Math.max(...values));
      expect(selectNodes({ promised: tokens, ms, tokensPerMs: 0.1 })).toBe(best);
    }
  });

  it('takes fewer where time brings more', () => {
    const tokens = promised(0.9, 0.6, 0.6, 0.6);
    const sizes = [0.1, 0.15, 0.25, 0.5].map((tokensPerMs) =>
      selectNodes({ promised: tokens, ms, tokensPerMs }),
    );
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(sizes[0]).toBeGreaterThan(sizes.at(-1)!);
  });

  it('takes nothing of a doubtful draft, and nothing where costs are not known', () => {
    expect(selectNodes({ promised: promised(0.2, 0.2), ms, tokensPerMs: 0.1 })).toBe(0);
    expect(selectNodes({ promised: promised(1, 1), ms: () => undefined, tokensPerMs: 0.1 })).toBe(0);
  });
});
