import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Peer, PeerRequest, PeerSettings } from '../../src/bench/peer.js';
import { keptCommand } from '../../src/bench/peers/keeper.js';
import { peerNames, startPeer, type PeerName } from '../../src/bench/peers/peers.js';
import { PeerError } from '../../src/errors.js';
import type { SamplingParams } from '../../src/types.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';
import { serverBody, speculativeBody, writeProgram } from '../helpers/fake-programs.js';

let folder: string;
let settings: PeerSettings;
let peer: Peer | undefined;
const request: PeerRequest = {
  prompt: 'hello world hello world hello',
  maxTokens: 20,
  sampling: { temperature: 0 },
  seed: 3,
  ignoreEos: true,
};
const timings = { prompt_ms: 7, predicted_n: 3, predicted_ms: 20, draft_n: 8, draft_n_accepted: 2 };
const completion = { content: 'abc', tokens: [5, 6, 7], tokens_evaluated: 4, timings };

const neutralFields = {
  ...{ top_k: 0, top_p: 1, min_p: 0, typical_p: 1, mirostat: 0, dynatemp_range: 0, logit_bias: [] },
  ...{ repeat_penalty: 1, frequency_penalty: 0, presence_penalty: 0, repeat_last_n: 64 },
};
/** What a server is to take. */
const sampling: SamplingParams = {
  ...{ temperature: 0.7, topK: 9, topP: 0.8, minP: 0.1, typicalP: 0.9, repeatPenalty: 1.2 },
  ...{ frequencyPenalty: 0.3, presencePenalty: 0.4, penaltyLastN: -1 },
  logitBias: new Map([
    [5, -1.5],
    [6, -Infinity],
  ]),
};

const start = async (name: PeerName, more: Partial<PeerSettings> = {}): Promise<Peer> =>
  (peer = await startPeer(name, { ...settings, ...more }));
const program = (name: string, body: string): { binary: string } => ({
  binary: writeProgram(folder, name, body),
});

async function isGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await setTimeout(50);
  }
  return false;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-peers-test-'));
  const [targetPath, draftPath] = [join(folder, 'target.gguf'), join(folder, 'draft.gguf')];
  writeTinyModel(targetPath, { logitDeviation: 4 });
  writeTinyModel(draftPath, { logitDeviation: 4, noise: { seed: 2, relative: 0.1 } });
  settings = { targetPath, draftPath, threads: 1, contextSize: 256, numDraft: 4, binary: undefined };
});
afterEach(async () => {
  await peer?.close();
  peer = undefined;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('node-llama-cpp', () => {
  const names = ['node-llama-cpp', 'node-llama-cpp-lookup', 'node-llama-cpp-plain'] as const;
  let peers: Peer[];
  let plain: { readonly tokens: readonly number[]; readonly text: string; readonly promptTokens: number };

  beforeAll(async () => {
    const context = { threads: 1, contextSize: 256 };
    const engine = await loadEngine(settings.targetPath, undefined, { drafter: 'none', context });
    const { tokens, text, stats } = await engine
      .generate(request.prompt, { maxTokens: 20, ignoreEos: true, sampling: { temperature: 0 } })
      .finish();
    plain = { tokens, text, promptTokens: stats.promptTokens };
    await engine.dispose();
    peers = await Promise.all(names.map((name) => startPeer(name, settings)));
  });
  afterAll(async () => void (await Promise.all(peers.map(({ close }) => close()))));

  it.each(names)('%s brings the greedy tokens of plain decoding, as often as it is asked', async (name) => {
    const { generate, version } = peers[names.indexOf(name)]!;
    expect(version).toMatch(/^\d+\.\d+\.\d+, llama\.cpp v/);
    for (const prompt of [request.prompt, `<s>${request.prompt}`]) {
      const answer = await generate({ ...request, prompt });
      expect(answer).toMatchObject({ ...plain, outputTokens: 20 });
      expect(answer.decodeMs).toBeGreaterThan(0);
      expect(answer.acceptedTokens).toBeLessThanOrEqual(answer.draftTokens);
      if (name === 'node-llama-cpp-lookup') expect(answer.draftTokens).toBeGreaterThan(0);
      if (name === 'node-llama-cpp-plain') expect(answer.draftTokens).toBe(0);
    }
  });

  it.each(names)('%s truncates as it is asked to, and refuses what it does otherwise', async (name) => {
    const { generate } = peers[names.indexOf(name)]!;
    const drawn = async (sampling: SamplingParams) =>
      (await generate({ ...request, seed: 5, sampling })).tokens;
    for (const truncation of [{ topK: 1 }, { topP: 1e-6 }, { minP: 1 }])
      expect(await drawn({ temperature: 1, ...truncation })).toEqual(plain.tokens);
    expect(await drawn({ temperature: 0.5, topK: 1 })).toEqual(plain.tokens);
    expect(await drawn({ temperature: 0, typicalP: 0.5 })).toEqual(plain.tokens);
    for (const [refused, option] of [
      [{ topP: 0.5, temperature: 0.5 }, '--top-p at temperature 0.5'],
      [{ typicalP: 0.5 }, '--typical-p'],
      [{ repeatPenalty: 1.1 }, '--repeat-penalty'],
      [{ logitBias: new Map([[5, 1]]) }, '--logit-bias'],
    ] as const)
      await expect(drawn(refused)).rejects.toThrow(
        `The peer ${name} does not sample as this engine does with ${option}`,
      );
  });

  it('has the KV cache and the attention that it is asked for', async () => {
    const plain = await start('node-llama-cpp-plain', { kvType: 'f32', flashAttention: 'off' });
    expect(plain.settings).toContain('KV cache f32, flashAttention off');
    expect((await plain.generate(request)).outputTokens).toBe(20);
  });

  it('that ends during a request rejects it with the end of its stderr', async () => {
    const fault = `process.stdin.once('data', () => { throw new TypeError('A fault') })`;
    vi.stubEnv('NODE_OPTIONS', `--import=data:text/javascript,${encodeURIComponent(fault)}`);
    const { generate } = await start('node-llama-cpp-plain').finally(() => vi.unstubAllEnvs());
    const answer = generate(request);
    await expect(answer).rejects.toThrow(PeerError);
    await expect(answer).rejects.toThrow('TypeError: A fault');
  });

  it('that cannot load its draft model is not started, and says why', async () => {
    const started = start('node-llama-cpp', { draftPath: join(folder, 'missing.gguf') });
    await expect(started).rejects.toThrow(PeerError);
    await expect(started).rejects.toThrow(
      /node-llama-cpp ended with status 1\. The end of its stderr:\n.*missing/s,
    );
  });
});

describe('llama-server', () => {
  const serving = (onCompletion: string): { binary: string } => program('server', serverBody(onCompletion));

  it('is asked for untruncated tokens, and its own figures are told', async () => {
    const {
      generate,
      version,
      settings: told,
    } = await start(
      'llama-server',
      serving(`writeFileSync(__filename + '.fields', body); answer(200, ${JSON.stringify(completion)});`),
    );
    expect(version).toBe('fake 1 (build 7)');
    expect(await generate({ ...request, sampling: { temperature: 0.5 } })).toEqual({
      text: 'abc',
      tokens: [5, 6, 7],
      outputTokens: 3,
      promptTokens: 4,
      decodeMs: 20,
      firstTokenMs: 7,
      wallMs: expect.any(Number) as number,
      draftTokens: 8,
      acceptedTokens: 2,
    });
    const args = JSON.parse(readFileSync(join(folder, 'server.args'), 'utf8')) as string[];
    expect(args.join(' ')).toContain(told.split(';')[0]);
    expect(told).toContain(
      `-m ${settings.targetPath} -c 256 -t 1 -dev none -md ${settings.draftPath} --spec-type`,
    );
    const fields = JSON.parse(readFileSync(join(folder, 'server.fields'), 'utf8')) as Record<string, unknown>;
    expect(fields).toMatchObject({ n_predict: 20, temperature: 0.5, seed: 3, ignore_eos: true });
    expect(fields).toMatchObject({ ...neutralFields, cache_prompt: false });
    expect((fields['prompt'] as number[])[0]).toBe(1);
  });

  it('samples as it is asked to, in the order of this engine', async () => {
    const keep = `writeFileSync(__filename + '.fields', body); answer(200, ${JSON.stringify(completion)});`;
    const { generate } = await start('llama-server-plain', serving(keep));
    await generate({ ...request, sampling });
    expect(JSON.parse(readFileSync(join(folder, 'server.fields'), 'utf8'))).toMatchObject({
      ...{ temperature: 0.7, top_k: 9, top_p: 0.8, min_p: 0.1, typical_p: 0.9, repeat_penalty: 1.2 },
      ...{ frequency_penalty: 0.3, presence_penalty: 0.4, repeat_last_n: -1 },
      logit_bias: [
        [5, -1.5],
        [6, false],
      ],
      samplers: ['penalties', 'top_k', 'temperature', 'top_p', 'min_p', 'typ_p'],
    });
    await expect(generate({ ...request, sampling: { dryMultiplier: 0.8 } })).rejects.toThrow(
      'The peer llama-server-plain does not sample as this engine does with --dry-multiplier',
    );
  });

  it('without a draft model is plain', async () => {
    const { prompt_ms, predicted_n, predicted_ms } = timings;
    const answered = { ...completion, timings: { prompt_ms, predicted_n, predicted_ms } };
    const plain = await start('llama-server-plain', serving(`answer(200, ${JSON.stringify(answered)});`));
    expect(await plain.generate(request)).toMatchObject({
      outputTokens: 3,
      draftTokens: 0,
      acceptedTokens: 0,
    });
    expect(plain.settings).not.toContain('--spec-type');
  });

  it('that does not know an option is not started, and its own words are told', async () => {
    const started = start(
      'llama-server',
      program('old', `console.error('invalid argument: --spec-type'); process.exit(1);`),
    );
    await expect(started).rejects.toThrow(PeerError);
    await expect(started).rejects.toThrow(
      'llama-server ended with status 1. The end of its stderr:\ninvalid argument',
    );
  });

  it('that refuses a request is told with its status', async () => {
    const { generate } = await start('llama-server', serving(`answer(400, { error: 'too long' });`));
    await expect(generate(request)).rejects.toThrow(
      'llama-server answered with status 400: {"error":"too long"}',
    );
  });

  it('that dies during a request rejects it with the end of its stderr', async () => {
    const { generate } = await start(
      'llama-server',
      serving(`console.error('GGML_ASSERT failed'); process.kill(process.pid, 'SIGKILL');`),
    );
    const answer = generate(request);
    await expect(answer).rejects.toThrow(PeerError);
    await expect(answer).rejects.toThrow(/GGML_ASSERT failed\nended by SIGKILL/);
  });

  it('that is closed during a request rejects it and leaves no process, even one that ignores to be ended', async () => {
    const stubborn = `process.on('SIGTERM', () => undefined); writeFileSync(__filename + '.asked', '');`;
    const { generate, close } = await start('llama-server', serving(stubborn));
    const answer = expect(generate(request)).rejects.toThrow('llama-server was closed');
    while (!existsSync(join(folder, 'server.asked'))) await setTimeout(20);
    await close();
    await answer;
    expect(await isGone(Number(readFileSync(join(folder, 'server.pid'), 'utf8')))).toBe(true);
  });
});

describe('llama-speculative-simple', () => {
  it('is run for each request, and its printed figures are read', async () => {
    const written = ' and on'.repeat(10);
    const { generate, version } = await start(
      'llama-speculative-simple',
      program('simple', speculativeBody(written)),
    );
    expect(version).toBe('fake 1 (build 7)');
    const answer = await generate({ ...request, prompt: '<s>hello\n', sampling: {}, ignoreEos: false });
    expect(answer).toMatchObject({
      text: written,
      outputTokens: 20,
      promptTokens: 5,
      draftTokens: 30,
      acceptedTokens: 12,
    });
    // 20 tokens in 200 ms, of which the first does not count.
    expect(answer.decodeMs).toBeCloseTo(190);
    expect(answer.firstTokenMs).toBeCloseTo(20);
    expect(answer.wallMs).toBeCloseTo(210);
    const args = JSON.parse(readFileSync(join(folder, 'simple.args'), 'utf8')) as string[];
    expect(args.join(' ')).toMatch(/--no-escape .* -n 19 --seed 3 --samplers /);
    expect(args.slice(args.indexOf('--temp')).join(' ')).toBe(
      '--temp 1 --top-k 0 --top-p 1 --min-p 0 --typical 1 --repeat-penalty 1 --frequency-penalty 0 --presence-penalty 0',
    );
  });

  it('samples as it is asked to, in the order of this engine, and not with penalties that miss the prompt', async () => {
    const { generate } = await start('llama-speculative-simple', program('asked', speculativeBody(' a')));
    const { temperature, topK, topP, minP, typicalP, logitBias } = sampling;
    await generate({ ...request, sampling: { temperature, topK, topP, minP, typicalP, logitBias } });
    const args = (JSON.parse(readFileSync(join(folder, 'asked.args'), 'utf8')) as string[]).join(' ');
    expect(args).toContain('--samplers penalties;top_k;temperature;top_p;min_p;typ_p ');
    expect(args).toContain('--temp 0.7 --top-k 9 --top-p 0.8 --min-p 0.1 --typical 0.9 --repeat-penalty 1');
    expect(args).toContain('--logit-bias 5-1.5 --logit-bias 6-inf');
    await expect(generate({ ...request, sampling })).rejects.toThrow(
      'The peer llama-speculative-simple does not sample as this engine does with --repeat-penalty',
    );
  });

  it('says where its text is not certain to be the answer alone', async () => {
    const body = speculativeBody(' and on').replace("readFileSync(option('-bf'), 'utf8')", "'other'");
    const other = await start('llama-speculative-simple', program('unlike', body));
    expect(await other.generate(request)).toMatchObject({ isTextUncertain: true });
    await other.close();
    const echo = await start('llama-speculative-simple', program('alike', speculativeBody(' and on')));
    expect((await echo.generate(request)).isTextUncertain).toBeUndefined();
  });

  it('is not believed tokens that it did not write', async () => {
    const { generate } = await start('llama-speculative-simple', program('beyond', speculativeBody('a')));
    const answer = await generate(request);
    // A space, the letter, and one that ended the text.
    expect(answer.outputTokens).toBe(3);
    expect(answer.decodeMs).toBeCloseTo((200 * 2) / 3);
  });

  it.each([
    [
      'that does not know an option',
      `console.error('invalid argument'); process.exit(1);`,
      /ended with status 1.*\ninvalid argument/,
    ],
    ['that prints no figures', `console.error('done');`, /without its figures, 5 times.*\ndone/],
  ])('%s rejects the request with the end of its stderr', async (_, body, message) => {
    const { generate } = await start('llama-speculative-simple', program('wrong', body));
    const answer = generate(request);
    await expect(answer).rejects.toThrow(PeerError);
    await expect(answer).rejects.toThrow(message);
  });

  it('that ended before it wrote its figures is run again', async () => {
    const body = `const at = __filename + '.once'; if (require('node:fs').existsSync(at)) {${speculativeBody(' and on'.repeat(10))}} else writeFileSync(at, '');`;
    const { generate } = await start('llama-speculative-simple', program('hasty', body));
    expect((await generate(request)).outputTokens).toBe(20);
  });
});

describe('a peer', () => {
  it('is refused where plain decoding computes on a GPU', async () => {
    await expect(start('node-llama-cpp-plain', { gpuLayers: 12 })).rejects.toThrow(
      'The peer node-llama-cpp-plain computes on the processor, but plain decoding has 12 layers on a GPU',
    );
  });

  it.each(['llama-server', 'llama-speculative-simple'] as const)(
    '%s has the KV cache and the attention that it is asked for',
    async (name) => {
      const body = name === 'llama-server' ? serverBody('') : '';
      const { settings: told } = await start(name, {
        ...program('cached', body),
        ...{ batchSize: 512, kvType: 'q8_0', flashAttention: 'on' },
      });
      expect(told).toContain('-ctk q8_0 -ctv q8_0 -fa on');
      expect(told).toContain('-ctkd q8_0 -ctvd q8_0 -b 512');
    },
  );

  const programs = peerNames.filter((name) => name.startsWith('llama-'));

  it.each(programs)(
    '%s is refused without a path, with one where nothing is, and with one that is no program',
    async (name) => {
      const missing = join(folder, 'missing');
      await expect(start(name)).rejects.toThrow(TypeError);
      for (const [binary, reason] of [
        [missing, 'does not exist'],
        [settings.targetPath, 'is not executable'],
        [folder, 'is no file'],
      ] as const) {
        const started = start(name, { binary });
        await expect(started).rejects.toThrow(PeerError);
        await expect(started).rejects.toThrow(
          `Expected a program as binary of the peer ${name} but ${binary} ${reason}`,
        );
      }
    },
  );

  it.each(['llama-server', 'llama-speculative-simple', 'node-llama-cpp'] as const)(
    '%s is refused without a draft model',
    async (name) => {
      const started = start(name, { draftPath: undefined, ...program('any', '') });
      await expect(started).rejects.toThrow(`Expected a draft model for the peer ${name} but received none`);
    },
  );

  it('ends when the process that started it is killed', async () => {
    const pidFile = join(folder, 'kept.pid');
    const body = `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => 0, 1000);`;
    const args = JSON.stringify(keptCommand(process.execPath, ['-e', body]));
    const parent = spawn(process.execPath, [
      '-e',
      `require('node:child_process').spawn(process.execPath, ${args}, { stdio: 'pipe' }); setInterval(() => 0, 1000);`,
    ]);
    while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') await setTimeout(20);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    expect(await isGone(Number(readFileSync(pidFile, 'utf8')))).toBe(true);
  });
});
