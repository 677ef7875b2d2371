// llama.cpp's llama-speculative-simple as a peer: a process for each request, which loads the models anew.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PeerError } from '../../errors.js';
import type { Peer, PeerAnswer, PeerRequest, PeerSettings } from '../peer.js';
import { keptCommand } from './keeper.js';
import { draftOptions, findLlamaCppProgram, targetOptions } from './llama-cpp-program.js';
import { PeerProcess, stderrTail } from './peer-process.js';
import { loadPeerPrompts } from './peer-prompts.js';
import { samplerOrder, samplingFor } from './peer-sampling.js';

const name = 'llama-speculative-simple';
/** The program's own size of a batch, which a prompt must fit into. */
const defaultBatch = 2048;

/** Runs for a request: now and then the program ends before it has written its last lines, which are its figures. */
const maxRuns = 5;
const fixedOptions = ['--samplers', samplerOrder.join(';'), '--mirostat', '0', '--dynatemp-range', '0'];
/** Its penalties would not see the prompt. */
const taken = ['logitBias', 'topK', 'topP', 'minP', 'typicalP'] as const;

/** What a run that ended well wrote. */
interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** All that is sampled by, so that nothing is left to defaults of the program or of the model's file. */
function samplingOptions(request: PeerRequest): string[] {
  const sampling = samplingFor(name, request.sampling, taken);
  const { temperature, topK, topP, minP, typicalP, logitBias } = sampling;
  const values = `--temp ${temperature} --top-k ${topK} --top-p ${topP} --min-p ${minP} --typical ${typicalP}`;
  const penalties = '--repeat-penalty 1 --frequency-penalty 0 --presence-penalty 0';
  const biases = [...logitBias].flatMap(([token, bias]) => [
    '--logit-bias',
    `${token}${bias < 0 ? '-' : '+'}${bias === -Infinity ? 'inf' : Math.abs(bias)}`,
  ]);
  return [...fixedOptions, ...`${values} ${penalties}`.split(' '), ...biases];
}

/** Options of one request. */
function requestOptions(request: PeerRequest): string[] {
  const { maxTokens, seed, ignoreEos } = request;
  // It ends when it has more than it was asked for.
  const length = ['-n', `${maxTokens - 1}`, '--seed', `${seed}`];
  return [...length, ...samplingOptions(request), ...(ignoreEos ? ['--ignore-eos'] : [])];
}

/**
 * What the program printed, in numbers; undefined where it did not come to its end.
 * @param numWritten  tokens of the text that it wrote, perhaps one fewer than its own: it counts what it accepted beyond the end
 *   of generation, too
 */
function parseReport(
  report: string,
  numWritten: number,
): Omit<PeerAnswer, 'text' | 'tokens' | 'isTextUncertain'> | undefined {
  const encoded = /encoded\s+(\d+) tokens in\s+([\d.]+) seconds/.exec(report);
  const decoded = /decoded\s+(\d+) tokens in\s+([\d.]+) seconds/.exec(report);
  const drafted = /n_drafted\s*=\s*(\d+)/.exec(report);
  const accepted = /n_accept\s*=\s*(\d+)/.exec(report);
  if (encoded === null || decoded === null || drafted === null || accepted === null) return undefined;
  const outputTokens = Math.min(Number(decoded[1]), numWritten + 1);
  const [promptMs, allMs] = [1000 * Number(encoded[2]), 1000 * Number(decoded[2])];
  const tokenMs = allMs / Math.max(outputTokens, 1);
  return {
    outputTokens,
    promptTokens: Number(encoded[1]),
    decodeMs: allMs - tokenMs,
    firstTokenMs: promptMs + tokenMs,
    wallMs: promptMs + allMs,
    draftTokens: Number(drafted[1]),
    acceptedTokens: Number(accepted[1]),
  };
}

/** The output without the prompt before it, where that is found, and the empty lines after it. */
function outputText(stdout: string, prompt: string): Pick<PeerAnswer, 'text' | 'isTextUncertain'> {
  const at = stdout.indexOf(prompt);
  const text = (at < 0 ? stdout : stdout.slice(at + prompt.length)).replace(/\n{4}$/, '');
  return at < 0 ? { text, isTextUncertain: true } : { text };
}

/**
 * Prepares to run llama-speculative-simple. It tells no tokens, brings up to `numDraft` more than it is asked for, and bans
 * ends of generation where they are to be ignored. Tokens are its own count, but no more than those of its text and an end.
 * Its clock starts before the round that brings the first token: `decodeMs` is its own time less the mean time of a token,
 * `firstTokenMs` its time for the prompt and that of a token; loading the models is in none.
 *
 * @throws {TypeError} when no path or no draft model is given
 * @throws {PeerError} when it cannot be run, with the tail of its stderr; so does a request
 */
export async function startLlamaSpeculativeSimple(settings: PeerSettings): Promise<Peer> {
  const batch = ['-b', `${Math.max(settings.batchSize ?? defaultBatch, settings.contextSize)}`];
  const options = [...targetOptions(settings), ...draftOptions(name, settings), ...batch, '--no-escape'];
  const { binary, version } = await findLlamaCppProgram(name, settings);
  const prompts = await loadPeerPrompts(settings.targetPath);
  const folder = await mkdtemp(join(tmpdir(), 'outrider-peer-'));
  const promptFile = join(folder, 'prompt.txt');
  const running = new Set<PeerProcess>();

  const run = async (args: readonly string[]): Promise<Output> => {
    const process = new PeerProcess(name, keptCommand(binary, args));
    running.add(process);
    try {
      const [stdout, status] = await Promise.all([text(process.stdout), process.ended()]);
      if (status !== 0) throw process.failure();
      return { stdout, stderr: process.stderr };
    } finally {
      running.delete(process);
    }
  };
  const generate = async (request: PeerRequest): Promise<PeerAnswer> => {
    const prompt = prompts.text(request.prompt);
    await writeFile(promptFile, prompt);
    const args = [...options, '-bf', promptFile, ...requestOptions(request)];
    for (let numRuns = 1; ; numRuns++) {
      const { stdout, stderr } = await run(args);
      const written = outputText(stdout, prompt);
      const report = parseReport(stderr, prompts.count(written.text));
      if (report !== undefined) return { ...report, ...written };
      if (numRuns === maxRuns) {
        throw new PeerError(`${name} ended without its figures, ${maxRuns} times. ${stderrTail(stderr)}`);
      }
    }
  };
  const close = async (): Promise<void> => {
    await Promise.all([...running].map((process) => process.close()));
    prompts.dispose();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    name,
    version,
    settings: `${options.join(' ')}; -bf PROMPT -n TOKENS-1 ${fixedOptions.join(' ')}, sampling, seed and --ignore-eos as asked`,
    generate,
    close,
  };
}
