import type { DraftSequence } from '../../src/draft/draft-model.js';
import type {
  DecodedRows,
  DecodeTreeRequest,
  DraftedTokens,
  DraftTokensRequest,
  GrownTree,
} from '../../src/model/sequence-calls.js';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import type { TokenId } from '../../src/types.js';
import type { TableModel } from './table-model.js';

/** A draft sequence over a table; it keeps its requests and checks what it is told about its own tokens. */
export class FakeDraftSequence implements DraftSequence {
  readonly requests: DraftTokensRequest[] = [];
  readonly prefills: (readonly TokenId[])[] = [];
  numReleased = 0;
  readonly #model: TableModel;
  #tokens: readonly TokenId[] = [];
  #decoded: readonly TokenId[] = [];

  constructor(model: TableModel) {
    this.#model = model;
  }

  async prefill(
    tokens: ArrayLike<TokenId>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<number> {
    await Promise.resolve();
    options.signal?.throwIfAborted();
    this.#tokens = Array.from(tokens);
    this.prefills.push(this.#tokens);
    return 0;
  }

  async draft(tokens: Int32Array, request: DraftTokensRequest, known = 0): Promise<DraftedTokens> {
    await Promise.resolve();
    request.signal?.throwIfAborted();
    const wanted = Array.from(tokens);
    if (this.#tokens.slice(0, known).join() !== wanted.slice(0, known).join()) {
      throw new Error(`Expected the first ${known} of ${wanted} to be known but held ${this.#tokens}`);
    }
    this.#tokens = wanted;
    this.requests.push(request);
    const rows: Distribution[] = [];
    const drawn: TokenId[] = [];
    while (drawn.length < request.numDraft) {
      const row = this.#model.next([...wanted, ...drawn]);
      if (Math.max(...row.probs) < (request.minProbability ?? 0)) break;
      drawn.push(sample(row, request.uniforms?.[drawn.length] ?? 0));
      rows.push(row);
    }
    return { tokens: Int32Array.from(drawn), rows: this.#rows(rows), decodeMs: 0, samplingMs: 0 };
  }

  /** A chain's rows; they tell no more than probabilities. */
  async decode({ tokens }: DecodeTreeRequest): Promise<DecodedRows> {
    await Promise.resolve();
    this.#decoded = Array.from(tokens);
    const rows = this.#decoded.map((_, index) =>
      this.#model.next([...this.#tokens, ...this.#decoded.slice(0, index + 1)]),
    );
    const probabilities = (wanted: ArrayLike<TokenId>) => ({
      own: Float64Array.from(rows, (row, index) => probabilityOf(row, wanted[index]!)),
      largest: Float64Array.from(rows, ({ probs }) => Math.max(...probs)),
    });
    return { rows: Object.assign(this.#rows(rows), { probabilities }), decodeMs: 0, samplingMs: 0 };
  }

  commit(node: number): void {
    this.#tokens = [...this.#tokens, ...this.#decoded.slice(0, node + 1)];
    this.#decoded = [];
  }

  /** This fake drafts chains only. */
  grow(): Promise<GrownTree> {
    return Promise.reject(new Error('Expected a chain to be drafted'));
  }

  #rows(rows: readonly Distribution[]): DraftedTokens['rows'] {
    const held = new ArrayRows(rows);
    const release = (): void => void (this.numReleased += 1);
    return {
      numRows: held.numRows,
      row: (index: number) => held.row(index),
      release,
    } as DraftedTokens['rows'];
  }
}
