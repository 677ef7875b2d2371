import type { Draft, Drafter, DraftRequest } from '../../src/draft/drafter.js';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, type Distribution } from '../../src/sampling/distribution.js';
import { TokenTree } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import type { TableModel } from './table-model.js';

/** Draws chains of two from a table. */
export class TableDrafter implements Drafter {
  readonly name = 'table';
  readonly siblings = 'withReplacement';
  readonly hasDraftProbs = true;
  readonly maxNodes = 2;
  readonly maxLeaves = 1;
  readonly adaptsShape = false;
  readonly rollbacks: number[] = [];
  readonly #model: TableModel;

  constructor(model: TableModel) {
    this.#model = model;
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  draft({ tokens, maxNodes, uniform }: DraftRequest): Promise<Draft> {
    const drawn: TokenId[] = [];
    const rows: Distribution[] = [];
    for (let node = 0; node < Math.min(maxNodes, this.maxNodes); node++) {
      const row = this.#model.next([...tokens, ...drawn].slice(1));
      rows.push(row);
      drawn.push(sample(row, uniform(node)));
    }
    return Promise.resolve({ tree: TokenTree.chain(drawn), draftProbs: new ArrayRows(rows) });
  }

  accept(): void {
    // Learns nothing.
  }

  rollback(kept: number): void {
    this.rollbacks.push(kept);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
