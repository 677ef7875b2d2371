// A drafter and a verifier whose methods, aborts and failures a script chooses, generation by generation.
import { setImmediate } from 'node:timers/promises';
import { AcceptanceModel } from '../../src/draft/acceptance-model.js';
import { DraftModelDrafter } from '../../src/draft/draft-model.js';
import type { Draft, Drafter, DraftRequest } from '../../src/draft/drafter.js';
import { createVerifier } from '../../src/engine/verifiers.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import type { NodeIndex, OwnDraws } from '../../src/tree/token-tree.js';
import { parseTreeShape, shapeFor } from '../../src/tree/tree-shape.js';
import type { TokenId } from '../../src/types.js';
import type { Verdict, Verifier, VerifyRequest } from '../../src/verify/verifier.js';

/** A tree and a rule that go together. */
export interface Method {
  readonly tree: string;
  readonly verifier: string;
  readonly siblings: OwnDraws;
}

const treeRules = ['naive', 'traversal', 'recursive'];
/** Every shape with the rules that can verify it. */
export const methods: Method[] = [
  ...[
    'static:3',
    'static:2,2,1',
    'dynamic:16',
    'eagle-2:12',
    'sequoia:16',
    'dyspec:24',
    'opt-tree:12',
  ].flatMap((tree) =>
    treeRules.map((verifier) => ({ tree, verifier, siblings: 'withoutReplacement' as const })),
  ),
  ...['match', 'block', 'rejection', ...treeRules].map((verifier) => ({
    tree: 'chain:6',
    verifier,
    siblings: 'withReplacement' as const,
  })),
  { tree: 'static:3,2', verifier: 'k-seq', siblings: 'withReplacement' },
  { tree: 'sequoia:12', verifier: 'greedy-multi-draft', siblings: 'topThenSampled' },
];

/** What is done to a generation, at its `round`th round where it is done in one. */
export const disturbances = [
  ...['none', 'none', 'leave', 'stop text', 'cut', 'plain tokens', 'saved and loaded', 'neighbour'],
  ...['abort in prompt', 'abort in draft', 'abort in draft', 'abort in decode', 'abort in decode'],
  ...['fail before draft', 'fail after draft', 'fail in verdict', 'fail in accept'],
] as const;

/** Thrown by parts that fail on purpose. */
export class Planned extends Error {}

/** How often what happened. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(what: string, by = 1): void {
    this.#counts.set(what, this.of(what) + by);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  get rows(): { readonly what: string; readonly times: number }[] {
    return [...this.#counts]
      .map(([what, times]) => ({ what, times }))
      .toSorted((a, b) => (a.what < b.what ? -1 : 1));
  }
}

/** What is planned for the running generation, and where it is. */
export class Script {
  method = methods[0]!;
  disturbance: (typeof disturbances)[number] = 'none';
  round = 0;
  delayMs = 0;
  controller = new AbortController();
  /** Rounds that were begun. */
  roundsBegun = 0;
  phase = 'prompt';
  readonly #counts: Counts;

  constructor(counts: Counts) {
    this.#counts = counts;
  }

  enter(phase: string): void {
    this.phase = phase;
    if (this.disturbance === `abort in ${phase}` && this.#isNow(phase)) void this.#abortSoon(this.controller);
    if (this.disturbance === `fail in ${phase}` && this.#isNow(phase)) this.fail();
  }

  fail(): never {
    this.#counts.add(this.disturbance);
    throw new Planned(this.disturbance);
  }

  isNow(disturbance: string): boolean {
    return this.disturbance === disturbance && this.roundsBegun - 1 === this.round;
  }

  #isNow(phase: string): boolean {
    return phase === 'prompt' || this.roundsBegun - 1 === this.round;
  }

  async #abortSoon(controller: AbortController): Promise<void> {
    const dueAt = performance.now() + this.delayMs;
    do await setImmediate();
    while (performance.now() < dueAt);
    if (controller === this.controller) controller.abort(new Planned(`abort in ${this.phase}`));
  }
}

/** Drafts by the method of the script. */
export class ScriptedDrafter implements Drafter {
  readonly name = 'scripted';
  readonly siblings = 'withoutReplacement';
  readonly hasDraftProbs = true;
  readonly maxNodes = 24;
  readonly maxLeaves = 24;
  readonly adaptsShape = true;
  readonly #script: Script;
  readonly #sequence: Sequence;
  readonly #drafters = new Map<Method, DraftModelDrafter>();
  readonly #acceptance = new AcceptanceModel();

  constructor(script: Script, sequence: Sequence) {
    this.#script = script;
    this.#sequence = sequence;
  }

  get #drafter(): DraftModelDrafter {
    const { method } = this.#script;
    let drafter = this.#drafters.get(method);
    if (drafter === undefined) {
      drafter = new DraftModelDrafter({
        sequence: this.#sequence,
        contextSize: this.#sequence.context.info.contextSize,
        vocabSize: this.#sequence.context.model.info.vocabSize,
        targetVocabSize: this.#sequence.context.model.info.vocabSize,
        shape: shapeFor(parseTreeShape(method.tree), true),
        siblings: method.siblings,
        acceptance: () => this.#acceptance,
        createSampler: (params) => new Sampler(params),
      });
      this.#drafters.set(method, drafter);
    }
    return drafter;
  }

  begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    return this.#drafter.begin(prompt, signal);
  }

  async draft(request: DraftRequest): Promise<Draft> {
    const script = this.#script;
    script.roundsBegun += 1;
    script.enter('draft');
    if (script.isNow('fail before draft')) script.fail();
    const draft = await this.#drafter.draft(request);
    if (script.isNow('fail after draft')) script.fail();
    script.enter('decode');
    return draft;
  }

  accept(tokens: readonly TokenId[], acceptedNodes: readonly NodeIndex[]): void {
    this.#script.enter('accept');
    this.#drafter.accept(tokens, acceptedNodes);
  }

  rollback(length: number): void {
    this.#drafter.rollback(length);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}

/** Verifies by the method of the script. */
export class ScriptedVerifier implements Verifier {
  readonly name = 'scripted';
  readonly lossless = true;
  readonly siblings: readonly OwnDraws[] = ['withoutReplacement'];
  readonly chainsOnly = false;
  readonly fixedShapesOnly = false;
  readonly #script: Script;
  readonly #verifiers = new Map(methods.map(({ verifier }) => [verifier, createVerifier(verifier)]));

  constructor(script: Script) {
    this.#script = script;
  }

  get #verifier(): Verifier {
    return this.#verifiers.get(this.#script.method.verifier)!;
  }

  get needsDraftProbs(): boolean {
    return this.#verifier.needsDraftProbs;
  }

  verify(request: VerifyRequest): Verdict {
    this.#script.enter('verdict');
    return this.#verifier.verify(request);
  }
}
