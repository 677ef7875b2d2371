import { describe, expect, it } from 'vitest';
import { BeginCost } from '../../src/cost/begin-cost.js';

const prospect = { contextLength: 1000, plainMs: 0.3, speedup: 1.5 };

describe('what reading a text costs', () => {
  it('is held against what is left of a usual generation', () => {
    // 30 ms, 100 plain tokens: of 256 a third is gained, or half.
    const reading = new BeginCost(0.03);
    expect(reading.tokens(prospect)).toBeCloseTo(100);
    expect(reading.pays(prospect)).toBe(false);
    expect(reading.pays({ ...prospect, speedup: 2 })).toBe(true);
    expect(reading.pays({ ...prospect, contextLength: 500 })).toBe(true);
    expect(reading.pays({ ...prospect, speedup: 0.9 })).toBe(false);
  });

  it('has what else beginning takes beside it, until it has begun', () => {
    const reading = new BeginCost(0.03);
    expect(reading.pays({ ...prospect, speedup: 2, extraTokens: 20 })).toBe(true);
    expect(reading.pays({ ...prospect, speedup: 2, extraTokens: 40 })).toBe(false);
    reading.drafted(30, 1000);
    expect(reading.pays({ ...prospect, speedup: 2, extraTokens: 1000 })).toBe(true);
  });

  it('is worth it late in a long generation', () => {
    const reading = new BeginCost(0.03);
    reading.advance(400);
    expect(reading.pays(prospect)).toBe(true);
  });

  it('is nothing once the text was read', () => {
    const reading = new BeginCost(0.03);
    expect(reading.hasBegun).toBe(false);
    reading.drafted(30, 1000);
    expect(reading.hasBegun).toBe(true);
    expect(reading.tokens(prospect)).toBe(0);
    expect(reading.pays(prospect)).toBe(true);
  });

  it('is learnt from first drafts, and how long generations are from those before', () => {
    const reading = new BeginCost(0.03);
    for (let generation = 0; generation < 3; generation++) {
      reading.begin();
      reading.drafted(6, 1000);
      reading.drafted(500, 1000);
      reading.advance(60);
    }
    reading.begin();
    expect(reading.tokens(prospect)).toBeCloseTo(20);
    expect(reading.pays({ ...prospect, speedup: 1.4 })).toBe(false);
    expect(reading.pays({ ...prospect, speedup: 1.6 })).toBe(true);
  });

  it('is not told by one slow first draft, above all not of a short text', () => {
    const reading = new BeginCost(0.003);
    reading.begin();
    reading.drafted(15, 20);
    reading.begin();
    expect(reading.tokens(prospect)).toBeCloseTo(10);
    const unmeasured = new BeginCost();
    unmeasured.drafted(3, 1000);
    unmeasured.begin();
    expect(unmeasured.tokens(prospect)).toBeCloseTo(10);
  });

  it('is held against no more than may still come', () => {
    const reading = new BeginCost(0.03);
    expect(reading.pays({ ...prospect, speedup: 2, numLeft: 201 })).toBe(true);
    expect(reading.pays({ ...prospect, speedup: 2, numLeft: 199 })).toBe(false);
  });

  it('says by how much what is left would not make up for it', () => {
    const reading = new BeginCost(0.03);
    expect(reading.balance({ ...prospect, speedup: 2 })).toBeCloseTo(28);
    expect(reading.balance({ ...prospect, speedup: 2, extraTokens: 40 })).toBeCloseTo(-12);
  });
});
