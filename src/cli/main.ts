// Entry of the command line: commands, exit codes, how failures are shown.
import yargs from 'yargs';
import { OutriderError } from '../errors.js';
import { benchCommand } from './commands/bench.js';
import { calibrateCommand } from './commands/calibrate.js';
import { chatCommand } from './commands/chat.js';
import { demoCommand } from './commands/demo.js';
import { evalCommand } from './commands/eval.js';
import { generateCommand } from './commands/generate.js';
import { indexCommand } from './commands/index.js';
import { inflateCommand } from './commands/inflate.js';
import { inspectCommand } from './commands/inspect.js';
import { pullCommand } from './commands/pull.js';
import { theoryCommand } from './commands/theory.js';
import { tuneCommand } from './commands/tune.js';
import { repeatableOptions } from './engine-options.js';
import { printFailure } from './failure.js';
import { onlyOnce, UsageError } from './option-values.js';

/** Exit statuses of the command line. */
const exitCodes = { done: 0, failure: 1, usage: 2 } as const;

/** Arguments of single commands of which there may be several. */
const lists: ReadonlySet<string> = new Set([
  '_',
  'files',
  'tasks',
  'text',
  'words',
  'workload',
  'method',
  'temperatures',
  'nodes',
]);

/** Runs one command; resolves to the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const isVerbose = args.includes('--verbose');
  if (!process.stdout.listeners('error').includes(endWithReader)) process.stdout.on('error', endWithReader);
  const parser = yargs([...args])
    .scriptName('outrider')
    .usage('$0 <command>\n\nExact speculative decoding for GGUF models on this machine.')
    .command(generateCommand)
    .command(chatCommand)
    .command(demoCommand)
    .command(evalCommand)
    .command(inspectCommand)
    .command(benchCommand)
    .command(calibrateCommand)
    .command(tuneCommand)
    .command(theoryCommand)
    .command(pullCommand)
    .command(indexCommand)
    .command(inflateCommand)
    .option('verbose', { type: 'boolean', default: false, describe: 'Stack traces and the log of llama.cpp' })
    .demandCommand(1, 'Expected a command.')
    .strict()
    .parserConfiguration({ 'camel-case-expansion': false })
    .check(requireSingleValues)
    .recommendCommands()
    .exitProcess(false)
    .wrap(Math.min(110, process.stderr.columns ?? 110))
    .fail((message, error) => {
      // What reads an option's value throws; yargs passes that on under a name of its own.
      if (error !== undefined && error.name !== 'YError') throw error;
      throw new UsageError(message);
    });
  try {
    await parser.parseAsync();
    return exitCodes.done;
  } catch (error) {
    printFailure(error, isVerbose);
    if (!isUsage(error)) return exitCodes.failure;
    console.error('Run outrider --help, or outrider <command> --help.');
    return exitCodes.usage;
  }
}

/** A reader that leaves, as `head` does, is no failure: what runs ends as it does at ctrl-c. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.emit('SIGINT');
}

/** An option given twice arrives as an array, where most can have one value only. */
function requireSingleValues(values: Record<string, unknown>): true {
  for (const [name, value] of Object.entries(values)) {
    if (!lists.has(name) && !repeatableOptions.has(name)) onlyOnce(name, value);
  }
  return true;
}

/** Misuse of options shows itself as a built-in error of the library's own checks. */
function isUsage(error: unknown): boolean {
  if (error instanceof OutriderError) return false;
  if (error instanceof UsageError) return true;
  return (error instanceof TypeError || error instanceof RangeError) && error.message.startsWith('Expected');
}
