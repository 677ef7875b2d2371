// A long life of one engine: trees, rules, aborts, failures and cuts at random, after which both caches hold what a
// fresh prefill gives.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { isAborted } from '../../src/bindings/native-error.js';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import type { ContextOptions } from '../../src/model/context-options.js';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import type { Distribution } from '../../src/sampling/distribution.js';
import type { SamplingParams, TokenId } from '../../src/types.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import type { TinyArchitecture } from '../fixtures/tiny-architectures.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { cellDistance, readCells, type Cells } from '../helpers/cells.js';
import { exactContext } from '../helpers/engines.js';
import { report } from '../helpers/report.js';
import { rowDistance, takeRows } from '../helpers/rows.js';
import {
  Counts,
  disturbances,
  methods,
  Planned,
  Script,
  ScriptedDrafter,
  ScriptedVerifier,
} from '../helpers/scripted-engine.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-soak-'));
afterAll(() => rmSync(folder, { recursive: true }));

const numRounds = 2000;
const contextOptions: ContextOptions = { ...exactContext, contextSize: 512, sequences: 2, maxLeaves: 48 };
const vocabSize = 320;
const sampler = new Sampler();
/** Of the rows that are compared: children of the tip. */
const probeTokens = [5, 70, 130, 200, 262, 281, 300, 319];

/** Counts the calls of a context that an abort ended while they ran or waited. */
function countInterruptions({ native }: Context, count: () => void): void {
  for (const name of ['decode', 'draft', 'grow'] as const) {
    const original = native[name].bind(native) as (request: never) => Promise<unknown>;
    const value = (request: never): Promise<unknown> =>
      original(request).catch((error: unknown) => {
        if (isAborted(error)) count();
        throw error;
      });
    Object.defineProperty(native, name, { configurable: true, value });
  }
}

/** One engine and what happens to it. */
class Soak {
  readonly counts = new Counts();
  readonly script = new Script(this.counts);
  largestRow = 0;
  largestCell = 0;
  readonly #draft: Sequence;
  readonly #tolerances: Tolerances;
  #engine!: Engine;
  #random = new SeededRandom(1, 'soak');
  #decodeMs = 1;
  #generation = 0;

  constructor(draft: Sequence, tolerances: Tolerances) {
    this.#draft = draft;
    this.#tolerances = tolerances;
  }

  async run(target: Model): Promise<void> {
    const { script, counts } = this;
    this.#engine = await createEngine({
      target,
      drafter: new ScriptedDrafter(script, this.#draft),
      verifier: new ScriptedVerifier(script),
      tree: 'dynamic:24',
      measureSpeedup: false,
      guard: false,
      context: contextOptions,
    });
    countInterruptions(this.#engine.sequence.context, () => counts.add('calls of the target interrupted'));
    countInterruptions(this.#draft.context, () => counts.add('calls of the draft interrupted'));
    while (counts.of('rounds') < numRounds) {
      await this.#generate();
      if (this.#pick(3) === 0) await this.#check();
    }
    await this.#check();
    await this.#fill(this.#engine.sequence);
    await this.#fill(this.#draft);
    await this.#engine.dispose();
  }

  #pick(below: number): number {
    return Math.floor(this.#random.uniform() * below);
  }

  #tokens(count: number): TokenId[] {
    return Array.from({ length: count }, () => 259 + this.#pick(vocabSize - 259));
  }

  async #generate(): Promise<void> {
    const { script, counts } = this;
    // Choices do not depend on how far an abort let the generation before come.
    this.#random = new SeededRandom(1, `generation ${this.#generation++}`);
    const { sequence } = this.#engine;
    const held = Array.from(sequence.tokens);
    const kept = this.#pick(4) === 0 ? 0 : this.#pick(Math.min(held.length, 200) + 1);
    const prompt = [...held.slice(0, kept), ...this.#tokens(1 + this.#pick(30))];
    if (kept < held.length) counts.add('prompts that cut back');
    script.method = methods[this.#pick(methods.length)]!;
    script.disturbance = disturbances[this.#pick(disturbances.length)]!;
    script.round = this.#pick(8);
    script.roundsBegun = 0;
    script.controller = new AbortController();
    script.delayMs = this.#random.uniform() * 1.2 * this.#decodeMs;
    await this.#before(prompt);
    const isNeighboured = script.disturbance === 'neighbour';
    let isRunning = true;
    const neighbour = isNeighboured ? this.#disturbAs(() => isRunning) : undefined;
    // Awaited below, where the generation may have failed before.
    neighbour?.catch(() => undefined);
    try {
      script.enter('prompt');
      await this.#read(prompt);
    } finally {
      isRunning = false;
      script.phase = 'idle';
      await neighbour;
    }
  }

  /** What is done to the sequences before a generation. */
  async #before(prompt: readonly TokenId[]): Promise<void> {
    const { sequence } = this.#engine;
    const { disturbance } = this.script;
    const used = this.#pick(2) === 0 ? sequence : this.#draft;
    if (disturbance === 'cut') {
      await used.truncate(this.#pick(used.length + 1));
    } else if (disturbance === 'plain tokens') {
      const extension = used.extend(prompt[0]!, { sampler, numTokens: 1 + this.#pick(20), stopAtEnd: false });
      for await (const { tokens } of extension) if (tokens.length > this.#pick(4)) break;
    } else if (disturbance === 'saved and loaded') {
      const path = join(folder, 'state');
      await used.save(path);
      await used.prefill(this.#tokens(5));
      await used.load(path);
    } else return;
    this.counts.add(disturbance);
  }

  /** Runs a generation to whatever end it has, and checks what the target holds against what was told. */
  async #read(prompt: readonly TokenId[]): Promise<void> {
    const { script, counts } = this;
    const sampling: SamplingParams = { temperature: [0, 0.7, 1][this.#pick(3)]! };
    const generation = this.#engine.generate(prompt, {
      maxTokens: 1 + this.#pick(40),
      sampling,
      seed: this.#generation,
      stop: script.disturbance === 'stop text' ? ['ba', 'du'] : [],
      signal: script.controller.signal,
    });
    const checkAt = this.#pick(24);
    try {
      for await (const event of generation) {
        if (event.type === 'done') counts.add(`ended by ${event.result.finishReason}`);
        if (event.type !== 'round') continue;
        const { numDraftTokens, numAccepted, decodeMs } = event.round;
        this.#decodeMs += (decodeMs - this.#decodeMs) / 20;
        if (numAccepted < numDraftTokens) counts.add('rounds with rejected nodes');
        if (script.roundsBegun === checkAt) await this.#check([0]);
        if (script.isNow('leave')) {
          counts.add('readers left');
          break;
        }
      }
    } catch (error) {
      if (!(error instanceof Planned)) throw error;
      if (script.controller.signal.aborted) counts.add(error.message);
    }
    counts.add('rounds', script.roundsBegun);
    counts.add(script.method.tree.replace(/:.*/, ''), script.roundsBegun);
    const told = [...prompt, ...generation.result.tokens];
    const length = Math.min(told.length, this.#engine.sequence.length);
    expect(Array.from(this.#engine.sequence.tokens).slice(0, length)).toEqual(told.slice(0, length));
  }

  /** Computes on the other sequences of both contexts; every abort there also ends calls of the engine. */
  async #disturbAs(goesOn: () => boolean): Promise<void> {
    const others = [this.#engine.sequence.context.sequence(1), this.#draft.context.sequence(1)];
    for (let turn = 0; goesOn(); turn++) {
      const other = others[turn % 2]!;
      if (other.length > 60) await other.truncate(turn % 50);
      const controller = new AbortController();
      const tokens = this.#tokens(6);
      const decoding = other.decode({
        tokens,
        parents: [-1, -1, 0, 1, 1, 2],
        sampler,
        signal: controller.signal,
      });
      if (turn % 3 === 0) void setImmediate().then(() => controller.abort(new Planned('neighbour')));
      try {
        takeRows(await decoding);
        other.commit(this.#pick(7) - 1);
      } catch (error) {
        if (!(error instanceof Planned)) throw error;
        this.counts.add('aborts of a neighbour');
      }
    }
  }

  /** Target and draft, and their neighbours, hold what a fresh prefill of their tokens gives. */
  async #check(ids = [0, 1]): Promise<void> {
    for (const id of ids) {
      await this.#checkOne(this.#engine.sequence.context.sequence(id));
      await this.#checkOne(this.#draft.context.sequence(id));
    }
    this.counts.add('checks');
  }

  async #checkOne(sequence: Sequence): Promise<void> {
    const tokens = Array.from(sequence.tokens);
    using context = await sequence.context.model.createContext(contextOptions);
    const fresh = context.sequence();
    await fresh.prefill(tokens);
    const cells = cellDistance(await cellsOf(sequence), await cellsOf(fresh), {
      length: tokens.length,
      slidingWindow: context.model.info.slidingWindow,
    });
    const [rows, wanted] = [await probe(sequence), await probe(fresh)];
    const distance = Math.max(...rows.map((row, index) => rowDistance(row, wanted[index]!)));
    expect(Array.from(sequence.tokens)).toEqual(tokens);
    this.largestCell = Math.max(this.largestCell, cells);
    this.largestRow = Math.max(this.largestRow, distance);
    expect(cells).toBeLessThan(this.#tolerances.cell);
    expect(distance).toBeLessThan(this.#tolerances.row);
  }

  /** No cell and no leaf is lost: the context can be filled to its end, and branch as at first. */
  async #fill(sequence: Sequence): Promise<void> {
    const { contextSize, maxLeaves } = sequence.context.info;
    await sequence.context.sequence(1).truncate(0);
    await sequence.prefill(this.#tokens(contextSize - maxLeaves));
    const parents = new Int32Array(maxLeaves).fill(-1);
    takeRows(await sequence.decode({ tokens: this.#tokens(maxLeaves), parents, sampler }));
    sequence.commit(maxLeaves - 1);
    await sequence.truncate(contextSize - maxLeaves);
    await this.#checkOne(sequence);
  }
}

/** The cells of a sequence, without the tree below its tip. */
async function cellsOf(sequence: Sequence): Promise<Cells> {
  await sequence.truncate(sequence.length);
  return readCells(await sequence.context.native.saveState(sequence.id));
}

async function probe(sequence: Sequence): Promise<Distribution[]> {
  const parents = probeTokens.map(() => -1);
  const rows = takeRows(await sequence.decode({ tokens: probeTokens, parents, sampler }));
  sequence.commit(-1);
  return rows;
}

/** How often each has to have happened, so that the soak is one. */
const leastCounts: Record<string, number> = {
  rounds: numRounds,
  'rounds with rejected nodes': numRounds / 2,
  'prompts that cut back': 100,
  checks: 100,
  'calls of the target interrupted': 15,
  'calls of the draft interrupted': 15,
  'abort in draft': 10,
  'abort in decode': 10,
  'aborts of a neighbour': 10,
  'fail before draft': 5,
  'fail after draft': 5,
  'fail in verdict': 5,
  'fail in accept': 5,
  'readers left': 5,
  'ended by stop': 5,
  'ended by length': 20,
  cut: 5,
  'plain tokens': 5,
  'saved and loaded': 5,
};

/** Largest differences allowed, of probabilities and of keys and values. */
interface Tolerances {
  readonly row: number;
  readonly cell: number;
}

const exact: Tolerances = { row: 1e-4, cell: 1e-4 };
/** ggml looks up GELU in a table for f16 inputs, so that a last bit may become a step of the table. */
const withGelu: Tolerances = { row: 1e-3, cell: 5e-3 };

const models: { architecture: TinyArchitecture; tolerances: Tolerances }[] = [
  { architecture: 'llama', tolerances: exact },
  { architecture: 'qwen3moe', tolerances: exact },
  { architecture: 'gemma3', tolerances: withGelu },
];

describe(`a soak of ${numRounds} rounds`, () => {
  it.each(models)(
    'leaves both caches of $architecture as after a fresh prefill',
    async ({ architecture, tolerances }) => {
      const options = { architecture, vocabSize, embedding: 256, headDim: 64, canEnd: true };
      const [targetPath, draftPath] = [join(folder, 'target.gguf'), join(folder, 'draft.gguf')];
      writeTinyModel(targetPath, options);
      writeTinyModel(draftPath, { ...options, noise: { seed: 1, relative: 0.1 } });
      using target = await loadModel(targetPath, { gpu: 'off' });
      using draft = await loadModel(draftPath, { gpu: 'off' });
      using draftContext = await draft.createContext(contextOptions);
      const soak = new Soak(draftContext.sequence(), tolerances);
      try {
        await soak.run(target);
      } finally {
        report(`${architecture}: what happened in the soak`, [
          ...soak.counts.rows,
          { what: 'largest difference of a row', times: soak.largestRow },
          { what: 'largest difference of a key or value', times: soak.largestCell },
        ]);
      }
      for (const [what, least] of Object.entries(leastCounts)) {
        expect(soak.counts.of(what), what).toBeGreaterThanOrEqual(least);
      }
    },
  );
});
