import { readFile } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline/promises';
import type { CommandModule } from 'yargs';
import { ChatSession } from '../../chat/chat-session.js';
import { runCommand } from '../../chat/commands.js';
import type { GenerationResult } from '../../engine/decode-loop.js';
import { OutriderError } from '../../errors.js';
import { engineOptionsOf, samplingOf, withEngineOptions, type EngineArguments } from '../engine-options.js';
import { printFailure } from '../failure.js';
import { loadModelsOf, openEngine } from '../models.js';
import { statusLine } from '../status-line.js';

interface ChatArguments extends EngineArguments {
  system: string | undefined;
  'system-file': string | undefined;
  'template-file': string | undefined;
  verbose: boolean;
}

/** Tokens of an answer where nothing else is asked for. */
const defaultMaxTokens = 1024;

/** `outrider chat`: a conversation; answers go to stdout, everything else to stderr. */
export const chatCommand: CommandModule<object, ChatArguments> = {
  command: 'chat',
  describe: 'Chat with a model',
  builder: (parser) =>
    withEngineOptions(parser)
      .options({
        system: { type: 'string', requiresArg: true, describe: 'System message' },
        'system-file': { type: 'string', requiresArg: true, describe: 'File with the system message' },
        'template-file': {
          type: 'string',
          requiresArg: true,
          describe: 'Jinja chat template, instead of the one in the model',
        },
      })
      .conflicts('system', 'system-file') as never,
  handler: async (args) => {
    const engineOptions = engineOptionsOf(args);
    const generate = {
      maxTokens: args['max-tokens'] ?? defaultMaxTokens,
      sampling: samplingOf(args),
      stop: args.stop,
      ignoreEos: args['ignore-eos'],
      seed: args.seed,
    };
    const system =
      args['system-file'] === undefined ? args.system : await readFile(args['system-file'], 'utf8');
    const template =
      args['template-file'] === undefined ? undefined : await readFile(args['template-file'], 'utf8');
    const { target, draft, middle } = await loadModelsOf(args);
    const engine = await openEngine({ ...engineOptions, target, draft, middle });
    try {
      await converse(new ChatSession(engine, { system, template, generate }), args.verbose);
    } finally {
      await engine.dispose();
      target.dispose();
      draft?.dispose();
      middle?.dispose();
    }
  },
};

async function converse(session: ChatSession, isVerbose: boolean): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' });
  let answering: AbortController | undefined;
  // In a terminal readline takes ctrl-c as a key; elsewhere it arrives as a signal.
  const interrupt = (): void => {
    if (answering === undefined) terminal.close();
    else answering.abort(new DOMException('Interrupted', 'AbortError'));
  };
  terminal.on('SIGINT', interrupt);
  process.on('SIGINT', interrupt);
  try {
    if (process.stdin.isTTY) console.error('/help lists commands, ctrl-c stops an answer, ctrl-d leaves.');
    for await (const line of questions(terminal)) {
      const outcome = await runCommand(session, line);
      if (outcome?.isExit === true) return;
      if (outcome?.reply !== undefined) console.error(outcome.reply);
      const question = outcome === undefined ? line : outcome.question;
      if (question === undefined) continue;
      answering = new AbortController();
      await answer(session, question, answering.signal, isVerbose);
      answering = undefined;
    }
  } finally {
    process.off('SIGINT', interrupt);
    terminal.close();
  }
}

/** Lines that are not empty, each asked for when it is wanted. */
async function* questions(terminal: Interface): AsyncGenerator<string> {
  const lines = terminal[Symbol.asyncIterator]();
  while (true) {
    if (process.stdin.isTTY) terminal.prompt();
    const { done, value } = await lines.next();
    if (done === true) return;
    if (value.trim() !== '') yield value;
  }
}

/** A question that fails leaves the conversation as it was, and the program running. */
async function answer(
  session: ChatSession,
  question: string,
  signal: AbortSignal,
  isVerbose: boolean,
): Promise<void> {
  let result: GenerationResult | undefined;
  try {
    for await (const event of session.ask(question, { signal })) {
      if (event.type === 'text') process.stdout.write(event.text);
      if (event.type === 'dropped') console.error(forgotten(event.numExchanges));
      if (event.type === 'done') result = event.result;
    }
  } catch (error) {
    if (!(signal.aborted || error instanceof OutriderError)) throw error;
    if (!signal.aborted) {
      printFailure(error, isVerbose);
      return;
    }
  }
  process.stdout.write('\n');
  console.error(result === undefined ? 'stopped' : statusLine(result));
}

function forgotten(numExchanges: number): string {
  return `The context is full: forgot the oldest ${numExchanges === 1 ? 'exchange' : `${numExchanges} exchanges`}.`;
}
