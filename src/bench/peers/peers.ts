// Placeholder of the peers, replaced when they are there.
import type { Peer, PeerSettings } from '../peer.js';

export const peerNames = ['node-llama-cpp'] as const;

export type PeerName = (typeof peerNames)[number];

export function startPeer(_name: PeerName, _settings: PeerSettings): Promise<Peer> {
  throw new TypeError('Expected peers');
}
