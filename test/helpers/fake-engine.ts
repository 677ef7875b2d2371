import type { Draft, Drafter, DraftRequest } from '../../src/draft/drafter.js';
import type { GenerationEvent, GenerationSetup } from '../../src/engine/decode-loop.js';
import { DecodeLoop } from '../../src/engine/decode-loop.js';
import { Generation } from '../../src/engine/generation.js';
import { FixedPlanner } from '../../src/cost/round-planner.js';
import type { DecodedTree, Target } from '../../src/engine/target.js';
import { ArrayRows, oneHot, type Distribution } from '../../src/sampling/distribution.js';
import { TokenTree, type NodeIndex } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import { MatchVerifier } from '../../src/verify/match.js';

/** Called where a real part would compute; may abort or throw. */
export type Hook = (call: number) => void;

const nothing: Hook = () => undefined;

/** The token that comes after a history. */
export type Script = (history: readonly TokenId[]) => TokenId;

/** Counts on from the last token. */
export const counting: Script = (history) => history.at(-1)! + 1;

/** A target whose next token is written down; it checks that trees are decoded after what was committed. */
export class FakeTarget implements Target {
  contextSize = 1000;
  maxBatch = 100;
  onPrefill = nothing;
  onDecode = nothing;
  /** What the cache holds. */
  readonly tokens: TokenId[] = [];
  readonly numNodes: number[] = [];
  readonly #script: Script;
  #path: (node: NodeIndex) => TokenId[] = () => [];

  constructor(script: Script = counting) {
    this.#script = script;
  }

  async prefill(tokens: ArrayLike<TokenId>, signal: AbortSignal | undefined): Promise<number> {
    await Promise.resolve();
    this.onPrefill(0);
    signal?.throwIfAborted();
    const wanted = Array.from(tokens);
    const firstDifferent = wanted.findIndex((token, index) => this.tokens[index] !== token);
    const kept = firstDifferent === -1 ? wanted.length : firstDifferent;
    this.tokens.splice(0, Infinity, ...wanted);
    return kept;
  }

  async decode(
    tokens: Int32Array,
    parents: Int32Array,
    signal: AbortSignal | undefined,
  ): Promise<DecodedTree> {
    await Promise.resolve();
    this.onDecode(this.numNodes.length);
    signal?.throwIfAborted();
    this.numNodes.push(tokens.length - 1);
    const tree = new TokenTree(tokens, parents);
    this.#path = (node) => tree.path(node).map((step) => tree.tokens[step]!);
    const rows: Distribution[] = Array.from(tree.tokens.keys(), (node) =>
      oneHot(this.#script([...this.tokens, ...this.#path(node)])),
    );
    return { rows: new ArrayRows(rows), decodeMs: 2, samplingMs: 1 };
  }

  commit(node: NodeIndex): void {
    this.tokens.push(...this.#path(node));
  }
}

/** A drafter that proposes what its script says, one chain a round. */
export class FakeDrafter implements Drafter {
  readonly name = 'fake';
  readonly siblings = 'deterministic';
  readonly hasDraftProbs = false;
  readonly maxNodes = 4;
  readonly maxLeaves = 1;
  readonly adaptsShape = false;
  onBegin = nothing;
  onDraft = nothing;
  /** Calls other than drafts, in order. */
  readonly calls: (readonly [name: 'begin' | 'accept' | 'rollback', argument: readonly number[]])[] = [];
  readonly requests: { readonly tokens: readonly TokenId[]; readonly maxNodes: number }[] = [];
  readonly #script: Script;

  constructor(script: Script = counting) {
    this.#script = script;
  }

  async begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    await Promise.resolve();
    this.calls.push(['begin', prompt]);
    this.onBegin(0);
    signal?.throwIfAborted();
  }

  async draft({ tokens, maxNodes, signal }: DraftRequest): Promise<Draft> {
    await Promise.resolve();
    this.onDraft(this.requests.length);
    signal?.throwIfAborted();
    this.requests.push({ tokens: Array.from(tokens), maxNodes });
    const history = Array.from(tokens);
    while (history.length < tokens.length + maxNodes) history.push(this.#script(history));
    return { tree: TokenTree.chain(history.slice(tokens.length)) };
  }

  accept(tokens: readonly TokenId[]): void {
    this.calls.push(['accept', tokens]);
  }

  rollback(length: number): void {
    this.calls.push(['rollback', [length]]);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}

/** A generation over fakes: starts at the prompt 0, 1, 2; token t reads as the letter t of a-z. */
export function fakeGeneration(change: Partial<GenerationSetup> = {}): Generation {
  const setup: GenerationSetup = {
    target: new FakeTarget(),
    drafter: undefined,
    verifier: new MatchVerifier(),
    planner: new FixedPlanner(change.drafter?.maxNodes ?? 0, false),
    prompt: [0, 1, 2],
    sampling: {},
    seed: 0,
    maxTokens: 10,
    stop: [],
    isEnd: () => false,
    text: { push: (token) => String.fromCharCode(97 + token), end: () => '' },
    signal: undefined,
    ...change,
  };
  return new Generation(new DecodeLoop(setup), { begin: () => undefined, end: () => undefined });
}

/** All events of a generation. */
export async function eventsOf(generation: Generation): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of generation) events.push(event);
  return events;
}
