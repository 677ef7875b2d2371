// node-llama-cpp as a peer, with its own prebuilt binaries on the processor.
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PeerError } from '../../errors.js';
import type { Peer, PeerAnswer, PeerRequest, PeerSettings } from '../peer.js';
import {
  workerLineSchema,
  type NodeLlamaCppDrafts,
  type WorkerLine,
  type WorkerRequest,
  type WorkerSettings,
} from './node-llama-cpp-protocol.js';
import { PeerProcess } from './peer-process.js';
import { loadPeerPrompts, type PeerPrompts } from './peer-prompts.js';
import { samplingFor, type SamplingEffect } from './peer-sampling.js';

const names: Readonly<Record<NodeLlamaCppDrafts, string>> = {
  model: 'node-llama-cpp',
  lookup: 'node-llama-cpp-lookup',
  none: 'node-llama-cpp-plain',
};

/** Arguments of node that run the script beside this file, from its source where this one is run from its own. */
function workerArguments(): string[] {
  const isSource = import.meta.url.endsWith('.ts');
  const script = fileURLToPath(new URL(`./node-llama-cpp-worker.${isSource ? 'ts' : 'js'}`, import.meta.url));
  return isSource ? ['--import', import.meta.resolve('tsx'), script] : [script];
}

/** Reads the lines of the worker one by one. */
class Worker {
  readonly #process: PeerProcess;
  readonly #lines: AsyncIterator<string>;
  readonly name: string;

  constructor(name: string, settings: WorkerSettings) {
    this.name = name;
    this.#process = new PeerProcess(name, [...workerArguments(), JSON.stringify(settings)]);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** The next line; what it is asked for has to be sent before. */
  async next<Kind extends WorkerLine['kind']>(kind: Kind): Promise<Extract<WorkerLine, { kind: Kind }>> {
    const { done, value } = await this.#process.during(this.#lines.next());
    if (done === true) {
      await this.#process.ended();
      throw this.#process.failure();
    }
    const line = workerLineSchema.parse(JSON.parse(value));
    if (line.kind === kind) return line as Extract<WorkerLine, { kind: Kind }>;
    throw new PeerError(`${this.name} said what was not expected: ${value}`);
  }

  send(request: WorkerRequest): void {
    this.#process.send(JSON.stringify(request));
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}

/** Its settings in a line, as it is given them. */
function describe({ drafts, threads, contextSize, numDraft, ...cache }: WorkerSettings): string {
  const { batchSize = 'as it has it', kvType = 'f16', flashAttention = 'auto' } = cache;
  const context = `gpu false, maxThreads and threads ${threads}, contextSize ${contextSize}, batchSize ${batchSize}, KV cache ${kvType}, flashAttention ${flashAttention}`;
  const draft = {
    model: `DraftSequenceTokenPredictor with minTokens 0, maxTokens ${numDraft}, minConfidence 0, temperature 0`,
    lookup: `InputLookupTokenPredictor with predictionLength.max ${numDraft}`,
    none: 'no tokenPredictor',
  }[drafts];
  return `${context}; ${draft}; sampling and seed as asked, yieldEogToken where ends are to be ignored`;
}

/** It truncates before it applies the temperature, which is the same as after it where this is 1. */
function takenAt(temperature = 1): readonly SamplingEffect[] {
  return temperature === 1 ? ['topK', 'topP', 'minP'] : ['topK'];
}

async function generate(worker: Worker, prompts: PeerPrompts, request: PeerRequest): Promise<PeerAnswer> {
  const { prompt, sampling, ...rest } = request;
  const taken = takenAt(sampling.temperature);
  const { temperature, topK, topP, minP } = samplingFor(worker.name, sampling, taken);
  const tokens = prompts.tokens(prompt);
  worker.send({ ...rest, temperature, topK, topP, minP, prompt: tokens });
  const { answer } = await worker.next('answer');
  return { ...answer, outputTokens: answer.tokens.length, promptTokens: tokens.length };
}

/**
 * Starts node-llama-cpp in a process of its own. `decodeMs` is its process's time between the first and the last token,
 * of which drafts that it decoded together with the prompt take none; tokens are its own. Its target waits for
 * no drafts, as by its defaults: where both models share a processor few are ready in time, but waiting costs it more.
 *
 * @param drafts `model` needs `draftPath`
 * @throws {TypeError} when there is no draft model and one is needed
 * @throws {PeerError} when it cannot be started, with the tail of its stderr
 */
export async function startNodeLlamaCpp(drafts: NodeLlamaCppDrafts, settings: PeerSettings): Promise<Peer> {
  const { targetPath, draftPath, threads, contextSize, numDraft, batchSize, kvType, flashAttention } =
    settings;
  const name = names[drafts];
  if (drafts === 'model' && draftPath === undefined) {
    throw new TypeError(`Expected a draft model for the peer ${name} but received none`);
  }
  const cache = { batchSize, kvType, flashAttention };
  const workerSettings = { drafts, targetPath, draftPath, threads, contextSize, numDraft, ...cache };
  const prompts = await loadPeerPrompts(targetPath);
  const worker = new Worker(name, workerSettings);
  const close = async (): Promise<void> => {
    await worker.close();
    prompts.dispose();
  };
  try {
    const { version } = await worker.next('ready');
    const generateNext = (request: PeerRequest): Promise<PeerAnswer> => generate(worker, prompts, request);
    return { name, version, settings: describe(workerSettings), generate: generateNext, close };
  } catch (error) {
    await close();
    throw error;
  }
}
