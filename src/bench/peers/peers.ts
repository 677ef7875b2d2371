// Which peers there are.
import { PeerError } from '../../errors.js';
import type { Peer, PeerSettings } from '../peer.js';
import { startLlamaServer } from './llama-server.js';
import { startLlamaSpeculativeSimple } from './llama-speculative-simple.js';
import { startNodeLlamaCpp } from './node-llama-cpp.js';

const starters = {
  'node-llama-cpp': (settings: PeerSettings) => startNodeLlamaCpp('model', settings),
  'node-llama-cpp-lookup': (settings: PeerSettings) => startNodeLlamaCpp('lookup', settings),
  'node-llama-cpp-plain': (settings: PeerSettings) => startNodeLlamaCpp('none', settings),
  'llama-server': (settings: PeerSettings) => startLlamaServer('model', settings),
  'llama-server-plain': (settings: PeerSettings) => startLlamaServer('none', settings),
  'llama-speculative-simple': startLlamaSpeculativeSimple,
} satisfies Record<string, (settings: PeerSettings) => Promise<Peer>>;

/** Name of a peer. */
export type PeerName = keyof typeof starters;

/** All peers; those that begin with `llama-` are programs given by the path of their binary. */
export const peerNames = Object.keys(starters) as PeerName[];

/**
 * Starts a peer in a process of its own, which ends with `close()` and with this process. One request at a time; one
 * during which the peer ends or is closed rejects.
 *
 * @throws {TypeError} when it needs a path or a draft model that is not given
 * @throws {ModelLoadError} when the target is missing or damaged
 * @throws {PeerError} when plain decoding computes on a GPU, or the peer cannot be started, with the tail of its stderr
 */
export async function startPeer(name: PeerName, settings: PeerSettings): Promise<Peer> {
  const { gpuLayers = 0 } = settings;
  if (gpuLayers > 0) {
    throw new PeerError(
      `The peer ${name} computes on the processor, but plain decoding has ${gpuLayers} layers on a GPU: compare them with --gpu off.`,
    );
  }
  return starters[name](settings);
}
