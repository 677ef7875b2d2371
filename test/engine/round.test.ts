import { describe, expect, it } from 'vitest';
import { runRound } from '../../src/engine/round.js';
import { createVerifier } from '../../src/engine/verifiers.js';
import type { Distribution, DistributionRows } from '../../src/sampling/distribution.js';
import { TableDrafter } from '../helpers/table-drafter.js';
import { randomModel } from '../helpers/table-model.js';
import { TableTarget, Tape } from '../helpers/table-target.js';

const [large, small] = [randomModel(1, 4), randomModel(2, 4)];

class ComparingDrafter extends TableDrafter {
  readonly told: (readonly Distribution[])[] = [];

  compare(draftRows: DistributionRows, targetRows: DistributionRows): void {
    this.told.push([draftRows.row(0), targetRows.row(0)]);
  }
}

async function toldIn(verifier: string, maxNodes: number): Promise<(readonly Distribution[])[]> {
  const drafter = new ComparingDrafter(small);
  const target = new TableTarget(large, new Tape());
  const setup = {
    target,
    drafter,
    verifier: createVerifier(verifier),
    sampling: {},
    seed: 1,
    signal: undefined,
  };
  const start = { tokens: Int32Array.of(0), outputPosition: 0, plan: { maxNodes, isPlain: maxNodes === 0 } };
  await runRound(setup, start);
  return drafter.told;
}

describe('a round', () => {
  it('tells a drafter the rows that its tokens were drawn from and verified by', async () => {
    expect(await toldIn('block', 2)).toEqual([[small.next([]), large.next([])]]);
  });

  it('tells nothing where nothing was drafted', async () => {
    expect(await toldIn('block', 0)).toEqual([]);
  });
});
