import { describe, expect, it } from 'vitest';
import { runRound } from '../../src/engine/round.js';
import { createVerifier } from '../../src/engine/verifiers.js';
import type { Draft, DraftRequest } from '../../src/draft/drafter.js';
import { ArrayRows, type Distribution, type DistributionRows } from '../../src/sampling/distribution.js';
import { TokenTree } from '../../src/tree/token-tree.js';
import { TableDrafter } from '../helpers/table-drafter.js';
import { randomModel } from '../helpers/table-model.js';
import { TableTarget, Tape } from '../helpers/table-target.js';

const [large, small] = [randomModel(1, 4), randomModel(2, 4)];

/** Notes what it is told: rows, and then that something was accepted. */
class ComparingDrafter extends TableDrafter {
  readonly told: (readonly Distribution[])[] = [];

  compare(draftRows: DistributionRows, targetRows: DistributionRows): void {
    this.told.push([draftRows.row(0), targetRows.row(0)]);
  }

  override accept(): void {
    this.told.push([]);
  }
}

/** Has rows, but none of a token. */
class EmptyDrafter extends ComparingDrafter {
  override draft(): Promise<Draft> {
    return Promise.resolve({ tree: TokenTree.chain([]), draftProbs: new ArrayRows([]) });
  }
}

async function toldIn(
  maxNodes: number,
  drafter = new ComparingDrafter(small),
): Promise<(readonly Distribution[])[]> {
  const target = new TableTarget(large, new Tape());
  const setup = {
    target,
    drafter,
    verifier: createVerifier('block'),
    sampling: {},
    seed: 1,
    signal: undefined,
  };
  const start = { tokens: Int32Array.of(0), outputPosition: 0, plan: { maxNodes, isPlain: maxNodes === 0 } };
  await runRound(setup, start);
  return drafter.told;
}

/** Notes what it is asked for. */
class AskedDrafter extends TableDrafter {
  readonly asked: Pick<DraftRequest, 'minAcceptance' | 'isEnd'>[] = [];

  override draft(request: DraftRequest): Promise<Draft> {
    this.asked.push({ minAcceptance: request.minAcceptance, isEnd: request.isEnd });
    return super.draft(request);
  }
}

describe('a round', () => {
  it('asks for nothing that is not worth its time', async () => {
    const drafter = new AskedDrafter(small);
    const isEnd = (): boolean => false;
    const plan = { maxNodes: 2, isPlain: false, minAcceptance: 0.4 };
    for (const stopsAtEnd of [true, false])
      await runRound(
        {
          ...{ target: new TableTarget(large, new Tape()), drafter, verifier: createVerifier('block') },
          ...{ sampling: {}, seed: 1, isEnd, signal: undefined },
        },
        { tokens: Int32Array.of(0), outputPosition: 0, plan: { ...plan, stopsAtEnd } },
      );
    expect(drafter.asked).toEqual([
      { minAcceptance: 0.4, isEnd },
      { minAcceptance: 0.4, isEnd: undefined },
    ]);
  });

  it('tells a drafter the rows that its tokens were drawn from and verified by, then what was accepted', async () => {
    expect(await toldIn(2)).toEqual([[small.next([]), large.next([])], []]);
  });

  it('tells no rows where nothing was drafted', async () => {
    expect(await toldIn(0)).toEqual([[]]);
    expect(await toldIn(2, new EmptyDrafter(small))).toEqual([[]]);
  });
});
