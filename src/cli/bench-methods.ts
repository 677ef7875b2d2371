// Methods of a benchmark as they are written on the command line.
import yargs from 'yargs';
import type { Method, MethodOptions } from '../bench/method.js';
import { peerNames, type PeerName } from '../bench/peers/peers.js';
import { drafterNames } from '../engine/drafters.js';
import { verifierNames } from '../engine/verifiers.js';
import {
  engineOptionsOf,
  givenOptions,
  methodOptionNames,
  withEngineOptions,
  type EngineArguments,
} from './engine-options.js';
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
 * The methods that are asked for: those of `--method`, or the one that the command's own options describe, or the usual ones.
 * @throws {UsageError} on what is no method, and on options that none of them would heed
 */
export function methodsOf(
  args: EngineArguments & { readonly method?: readonly string[] | undefined },
  usual: readonly string[],
  binaries: PeerBinaries,
): readonly Method[] {
  if (args.stop !== undefined) throw new UsageError(stopRefusal);
  const given = givenOptions(args).filter((name) => methodOptionNames.has(name));
  const methods =
    args.method === undefined && given.length > 0
      ? [engineMethod('as asked', 'as asked', args)]
      : (args.method ?? usual).map((text) => parseMethod(text, binaries));
  const beside = given.find((name) => name !== 'datastore');
  if (args.method !== undefined && beside !== undefined) {
    throw new UsageError(
      `Expected --${beside} within a method, as in --method "mine=--${beside} ...", but received it beside --method`,
    );
  }
  return withDatastore(methods, args.datastore);
}

const stopRefusal =
  'Expected no --stop in a benchmark, whose answers end at --max-tokens or by themselves, but received it';

/** Methods that retrieve do so from `datastore` where they name none. */
function withDatastore(methods: readonly Method[], datastore: string | undefined): readonly Method[] {
  const retrieves = (method: Method): boolean =>
    method.kind === 'engine' && (method.options.drafter ?? []).includes('retrieval');
  const ownless = methods.find(
    (method) => method.kind === 'engine' && method.options.datastore !== undefined && !retrieves(method),
  );
  if (ownless !== undefined || (datastore !== undefined && !methods.some(retrieves))) {
    const where = ownless === undefined ? 'no method that retrieves' : `the method ${ownless.name}`;
    throw new UsageError(`Expected --drafter retrieval with --datastore but received ${where}`);
  }
  return methods.map((method) =>
    method.kind === 'engine' && retrieves(method)
      ? { ...method, options: { ...method.options, datastore: method.options.datastore ?? datastore } }
      : method,
  );
}

/** A method from its name, or from options as `outrider generate` takes them. */
function parseMethod(text: string, binaries: PeerBinaries): Method {
  const requested = text.trim();
  const peer = peerNames.find((name) => name === requested);
  if (peer !== undefined) return { kind: 'peer', name: requested, requested, peer, binary: binaries[peer] };
  if (requested.startsWith('synthetic:')) return synthetic(requested);
  const [, name, options] = /^([^=-][^=]*)=(.*)$/s.exec(requested) ?? [
    undefined,
    requested,
    optionsFor(requested),
  ];
  return engineMethod(name!.trim(), options!.trim(), argumentsOf(options!));
}

function engineMethod(name: string, requested: string, args: EngineArguments): Method {
  const options = { ...engineOptionsOf(args), context: undefined } as MethodOptions;
  return { kind: 'engine', name, requested, options, middle: args.middle };
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

function argumentsOf(text: string): EngineArguments {
  const where = `--method ${JSON.stringify(text)}`;
  const parser = withEngineOptions(yargs(text))
    .strict()
    .parserConfiguration({ 'camel-case-expansion': false })
    .exitProcess(false)
    .help(false)
    .version(false)
    .fail((message, error) => {
      throw new UsageError(`In ${where}: ${error?.message ?? message}`);
    });
  const args = parser.parseSync() as EngineArguments;
  if (args.stop !== undefined) throw new UsageError(`In ${where}: ${stopRefusal}`);
  const shared = givenOptions(args).find((name) => !methodOptionNames.has(name));
  if (shared === undefined) return args;
  throw new UsageError(
    `Expected options of drafting and verifying in ${where} but received --${shared}. Give it to outrider bench, for all methods alike.`,
  );
}
