import type { MiddleModel, RowCollection } from '../../src/engine/cascade.js';
import type { DecodedTree, Target } from '../../src/engine/target.js';
import { ArrayRows, type Distribution, type DistributionRows } from '../../src/sampling/distribution.js';
import { ROOT, type NodeIndex } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import type { TableModel } from './table-model.js';

/** A sequence that several targets decode below. */
export class Tape {
  tokens: TokenId[] = [];
}

/** A target over a table; the first token of the text is not part of a history. */
export class TableTarget implements Target {
  readonly contextSize: number = 1000;
  readonly maxBatch = 100;
  readonly #model: TableModel;
  readonly #tape: Tape;
  #decoded: { readonly tokens: Int32Array; readonly parents: Int32Array } | undefined;

  constructor(model: TableModel, tape: Tape) {
    this.#model = model;
    this.#tape = tape;
  }

  prefill(): Promise<number> {
    return Promise.resolve(0);
  }

  decode(tokens: Int32Array, parents: Int32Array): Promise<DecodedTree> {
    this.#decoded = { tokens, parents };
    const rows = Array.from(tokens.keys(), (node) =>
      this.#model.next([...this.#tape.tokens, ...this.#path(node)].slice(1)),
    );
    return Promise.resolve({ rows: new ArrayRows(rows), decodeMs: 0, samplingMs: 0 });
  }

  commit(node: NodeIndex): void {
    this.#tape.tokens.push(...this.#path(node));
  }

  #path(node: NodeIndex): TokenId[] {
    const { tokens, parents } = this.#decoded!;
    const path: TokenId[] = [];
    for (let at = node; at !== ROOT; at = parents[at]!) path.unshift(tokens[at]!);
    return path;
  }
}

/** A middle model over a table, with a tape of its own. */
export class TableMiddle implements MiddleModel {
  readonly name = 'middle';
  readonly passesOn = false;
  readonly numTokens: number;
  readonly #tape = new Tape();
  readonly #target: TableTarget;

  constructor(model: TableModel, numTokens: number) {
    this.numTokens = numTokens;
    this.#target = new TableTarget(model, this.#tape);
  }

  speaksAfter(): boolean {
    return true;
  }

  begin(_prompt: readonly TokenId[], signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    return Promise.resolve();
  }

  enter(tokens: Int32Array): Promise<Target> {
    this.#tape.tokens = Array.from(tokens.subarray(0, -1));
    return Promise.resolve(this.#target);
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }
}

/** Rows in an ordinary array. */
export class Collected implements RowCollection {
  readonly rows: Distribution[] = [];

  get numRows(): number {
    return this.rows.length;
  }

  row(index: number): Distribution {
    return this.rows[index]!;
  }

  append(rows: DistributionRows, indices: readonly number[]): void {
    this.rows.push(...indices.map((index) => rows.row(index)));
  }
}

/** Wrong: notes rows one place too late. */
export class Shifted extends Collected {
  override append(rows: DistributionRows, indices: readonly number[]): void {
    super.append(
      rows,
      indices.map((index) => Math.min(index + 1, rows.numRows - 1)),
    );
  }
}
