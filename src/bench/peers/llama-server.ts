// llama.cpp's llama-server as a peer, with and without a draft model, over HTTP on this machine.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { PeerError } from '../../errors.js';
import type { ResolvedSampling } from '../../sampling/params.js';
import type { Peer, PeerAnswer, PeerRequest, PeerSettings } from '../peer.js';
import { askLocal } from './http-json.js';
import { keptCommand } from './keeper.js';
import { draftOptions, findLlamaCppProgram, targetOptions } from './llama-cpp-program.js';
import { PeerProcess } from './peer-process.js';
import { samplerOrder, samplingFor } from './peer-sampling.js';
import { loadPeerPrompts, type PeerPrompts } from './peer-prompts.js';

/** Milliseconds between two questions whether the model is loaded. */
const pollMs = 50;
/** One request at a time, and nothing kept of the last one. */
const alone = ['-np', '1', '--cache-ram', '0'];
const fixedFields = {
  ...{ samplers: samplerOrder, mirostat: 0, dynatemp_range: 0 },
  ...{ cache_prompt: false, return_tokens: true, stream: false },
};
/** The program's own penalties see the prompt, as this engine's do. */
const taken = [
  ...(['logitBias', 'repeatPenalty', 'frequencyPenalty', 'presencePenalty'] as const),
  ...(['topK', 'topP', 'minP', 'typicalP'] as const),
];

const completionSchema = z.object({
  content: z.string(),
  tokens: z.array(z.number().int()),
  tokens_evaluated: z.number().int(),
  timings: z.object({
    prompt_ms: z.number(),
    predicted_n: z.number().int(),
    predicted_ms: z.number(),
    draft_n: z.number().int().default(0),
    draft_n_accepted: z.number().int().default(0),
  }),
});

/** A running server. */
interface Server {
  readonly name: string;
  readonly port: number;
  readonly process: PeerProcess;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until the models are loaded, for as long as the server runs. */
async function whenReady({ process, port }: Server): Promise<void> {
  const isReady = (): Promise<boolean> =>
    askLocal(port, '/health').then(
      ({ status }) => status === 200,
      () => false,
    );
  while (!(await process.during(isReady()))) await process.during(setTimeout(pollMs));
}

/** All that is sampled by, so that nothing is left to defaults of the program or of the model's file. */
function samplingFields(sampling: ResolvedSampling): Record<string, unknown> {
  return {
    temperature: sampling.temperature,
    top_k: sampling.topK,
    top_p: sampling.topP,
    min_p: sampling.minP,
    typical_p: sampling.typicalP,
    repeat_penalty: sampling.repeatPenalty,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    repeat_last_n: sampling.penaltyLastN,
    logit_bias: [...sampling.logitBias].map(([token, bias]) => [token, bias === -Infinity ? false : bias]),
  };
}

async function complete(server: Server, prompts: PeerPrompts, request: PeerRequest): Promise<PeerAnswer> {
  const { prompt, maxTokens, sampling, seed, ignoreEos } = request;
  const fields = {
    ...fixedFields,
    ...samplingFields(samplingFor(server.name, sampling, taken)),
    prompt: prompts.tokens(prompt),
    n_predict: maxTokens,
    seed,
    ignore_eos: ignoreEos,
  };
  const startedAt = performance.now();
  const { status, body } = await server.process.during(askLocal(server.port, '/completion', fields));
  const wallMs = performance.now() - startedAt;
  if (status !== 200) throw new PeerError(`${server.name} answered with status ${status}: ${body}`);
  const { content, tokens, tokens_evaluated, timings } = completionSchema.parse(JSON.parse(body));
  return {
    text: content,
    tokens,
    outputTokens: timings.predicted_n,
    promptTokens: tokens_evaluated,
    decodeMs: timings.predicted_ms,
    firstTokenMs: timings.prompt_ms,
    wallMs,
    draftTokens: timings.draft_n,
    acceptedTokens: timings.draft_n_accepted,
  };
}

/**
 * Starts llama-server on a free port. `decodeMs` is its own time between the first and the last token, `firstTokenMs` its
 * time for the prompt, `wallMs` what passed here; tokens are its own. It bans ends of generation where they are to be
 * ignored.
 *
 * @param drafts `model` needs `draftPath`
 * @throws {TypeError} when no path, or no draft model where one is needed, is given
 * @throws {PeerError} when it cannot be run or does not know the options, with the tail of its stderr
 */
export async function startLlamaServer(drafts: 'model' | 'none', settings: PeerSettings): Promise<Peer> {
  const name = drafts === 'model' ? 'llama-server' : 'llama-server-plain';
  const drafting = drafts === 'model' ? draftOptions(name, settings) : [];
  const batch = settings.batchSize === undefined ? [] : ['-b', `${settings.batchSize}`];
  const options = [...targetOptions(settings), ...drafting, ...batch, ...alone];
  const { binary, version } = await findLlamaCppProgram(name, settings);
  const prompts = await loadPeerPrompts(settings.targetPath);
  const port = await freePort();
  const args = [...options, '--host', '127.0.0.1', '--port', `${port}`];
  const server: Server = { name, port, process: new PeerProcess(name, keptCommand(binary, args)) };
  server.process.stdout.resume();
  const close = async (): Promise<void> => {
    await server.process.close();
    prompts.dispose();
  };
  try {
    await whenReady(server);
  } catch (error) {
    await close();
    throw error;
  }
  const described = `${options.join(' ')}; ${JSON.stringify(fixedFields)}, sampling, seed and ignore_eos as asked`;
  const generate = (request: PeerRequest): Promise<PeerAnswer> => complete(server, prompts, request);
  return { name, version, settings: described, generate, close };
}
