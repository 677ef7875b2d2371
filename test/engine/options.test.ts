import { describe, expect, it } from 'vitest';
import { checkEngineOptions, type EngineOptions } from '../../src/engine/options.js';
import type { Model } from '../../src/model/model.js';

const model = {} as Model;
const numNodes = (options: Partial<EngineOptions>): number =>
  checkEngineOptions({ target: model, ...options }).shape.numNodes;

describe('the largest draft', () => {
  it('is larger under the guard, which takes of it what pays, than where nobody bounds it', () => {
    expect(numNodes({})).toBe(12);
    expect(numNodes({ tree: 'auto', guard: true })).toBe(12);
    expect(numNodes({ guard: false })).toBe(4);
    expect(numNodes({ middle: model })).toBe(4);
    expect(numNodes({ sparse: { attention: 1024 } })).toBe(4);
  });

  it('is what is asked for', () => {
    expect(numNodes({ tree: 'auto:5' })).toBe(5);
    expect(numNodes({ tree: 'chain:3', guard: false })).toBe(3);
  });
});
