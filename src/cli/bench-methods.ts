// Methods of a benchmark as they are written on the command line.
import yargs from 'yargs';
import type { Method, MethodOptions } from '../bench/method.js';
import { peerNames, type PeerName } from '../bench/peers/peers.js';
import { drafterNames } from '../engine/drafters.js';
import { verifierNames } from '../engine/verifiers.js';
import { engineOptionsOf, withEngineOptions, type EngineArguments } from './engine-options.js';
import { UsageError } from './option-values.js';

/** Names that stand for options, and what they stand for. */
const named: Readonly<Record<string, string>> = {
  guarded: '',
  unguarded: '--guard off',
  mixed: '--drafter model --drafter suffix',
};

/** For `--help`. */
export const methodHelp =
  'guarded (the default way), unguarded, mixed, a drafter (suffix), a verifier (block), a tree (chain:4, auto:8; without guard), ' +
  `sparse:TOKENS, experts:N (lossy), synthetic:RATE[,RATE..], a peer (${peerNames.join(', ')}), or options as of generate, ` +
  'with a name: "greedy tree=--tree dynamic:16 --guard off"; repeatable';

/** Binaries of peers, by the names of the peers. */
export type PeerBinaries = Partial<Record<PeerName, string | undefined>>;

/**
 * A method from its name, or from options as `outrider generate` takes them.
 * @throws {UsageError} when it is neither
 */
export function parseMethod(text: string, binaries: PeerBinaries): Method {
  const requested = text.trim();
  const peer = peerNames.find((name) => name === requested);
  if (peer !== undefined) return { kind: 'peer', name: requested, requested, peer, binary: binaries[peer] };
  if (requested.startsWith('synthetic:')) return synthetic(requested);
  const [, name, options] = /^([^=-][^=]*)=(.*)$/s.exec(requested) ?? [
    undefined,
    requested,
    optionsFor(requested),
  ];
  return { kind: 'engine', name: name!.trim(), requested: options!.trim(), options: optionsOf(options!) };
}

/** Engine options of a method that is given by the command's own options. */
export function methodOptions(args: EngineArguments): MethodOptions {
  return { ...engineOptionsOf(args), context: undefined } as MethodOptions;
}

function synthetic(requested: string): Method {
  const rates = requested.slice('synthetic:'.length).split(',').map(Number);
  if (rates.every((rate) => rate >= 0 && rate <= 1))
    return { kind: 'synthetic', name: requested, requested, rates };
  throw new UsageError(
    `Expected rates in [0, 1], such as synthetic:0.8,0.6, for --method but received ${requested}`,
  );
}

/** What a short name stands for. */
function optionsFor(name: string): string {
  if (name.startsWith('--')) return name;
  const options = named[name];
  if (options !== undefined) return options;
  if (drafterNames.includes(name)) return `--drafter ${name}`;
  if (verifierNames.includes(name)) return `--verifier ${name} --guard off`;
  const [kind, size] = name.split(':', 2) as [string, string | undefined];
  if (kind === 'sparse' && size !== undefined) return `--sparse-attention ${size} --sparse-recheck off`;
  if (kind === 'experts' && size !== undefined) return `--sparse-experts ${size} --sparse-recheck off`;
  if (size !== undefined) return `--tree ${name} --guard off`;
  throw new UsageError(`Expected ${methodHelp} for --method but received ${JSON.stringify(name)}`);
}

function optionsOf(text: string): MethodOptions {
  const parser = withEngineOptions(yargs(text))
    .strict()
    .parserConfiguration({ 'camel-case-expansion': false })
    .exitProcess(false)
    .help(false)
    .version(false)
    .fail((message, error) => {
      throw new UsageError(`In --method ${JSON.stringify(text)}: ${error?.message ?? message}`);
    });
  return methodOptions(parser.parseSync() as EngineArguments);
}
