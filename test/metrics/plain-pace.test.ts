import { describe, expect, it } from 'vitest';
import { PlainPace } from '../../src/metrics/plain-pace.js';

describe('the pace of plain decoding', () => {
  it('is told from two tokens on', () => {
    const pace = new PlainPace();
    pace.observe(100, 5);
    expect(pace.near(100)).toEqual([]);
    pace.observe(100, 6);
    expect(pace.near(100)).toEqual([5, 6]);
  });

  it('is that of contexts of about the same length', () => {
    const pace = new PlainPace();
    for (const contextLength of [1000, 1000, 2000, 2000]) pace.observe(contextLength, contextLength);
    expect(pace.near(1200)).toEqual([1000, 1000]);
    expect(pace.near(1800)).toEqual([2000, 2000]);
    expect(pace.near(4000)).toEqual([]);
    for (const ms of [1, 2]) pace.observe(10, ms);
    expect(pace.near(130)).toEqual([1, 2]);
    expect(pace.near(150)).toEqual([]);
  });

  it('is forgotten after half a minute, and beyond the last tokens', () => {
    let now = 0;
    const pace = new PlainPace(() => now);
    for (const ms of [1, 2]) pace.observe(0, ms);
    now = 29_000;
    expect(pace.near(0)).toEqual([1, 2]);
    now = 31_000;
    expect(pace.near(0)).toEqual([]);
    for (let token = 0; token < 1000; token++) pace.observe(0, token);
    expect(pace.near(0)).toHaveLength(64);
  });
});
