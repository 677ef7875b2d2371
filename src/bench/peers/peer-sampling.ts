// Sampling parameters as other engines take them. Knows nothing of the engines' processes.
import { PeerError } from '../../errors.js';
import { resolveSampling, type ResolvedSampling } from '../../sampling/params.js';
import type { SamplingParams } from '../../types.js';

/** Parameters that change nothing at temperature 0. */
const truncations = ['topK', 'topP', 'minP', 'typicalP'] as const;

/** Parameters that change what is sampled; the others say how these do it. */
const effects = [
  'logitBias',
  'repeatPenalty',
  'frequencyPenalty',
  'presencePenalty',
  'dryMultiplier',
  ...truncations,
] as const satisfies readonly (keyof SamplingParams)[];

/** A parameter that changes what is sampled, the temperature left out. */
export type SamplingEffect = (typeof effects)[number];

/**
 * Parameters with every default filled in.
 * @param taken  what the peer does as this engine does it
 * @throws {PeerError} when another one is asked for, naming the option and the peer
 * @throws {TypeError | RangeError} on bad parameters
 */
export function samplingFor(
  peer: string,
  sampling: SamplingParams,
  taken: readonly SamplingEffect[],
): ResolvedSampling {
  const [resolved, neutral] = [resolveSampling(sampling), resolveSampling()];
  for (const name of effects) {
    const isNeutral = name === 'logitBias' ? resolved.logitBias.size === 0 : resolved[name] === neutral[name];
    const isIdle = resolved.temperature === 0 && truncations.some((truncation) => truncation === name);
    if (isNeutral || isIdle || taken.includes(name)) continue;
    const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new PeerError(
      `The peer ${peer} does not sample as this engine does with --${option} at temperature ${resolved.temperature}: leave out the option or the peer.`,
    );
  }
  return resolved;
}

/**
 * The order in which llama.cpp's programs are to apply what they know, which is this engine's; by default they truncate before
 * the temperature is applied. What is not named here is off.
 */
export const samplerOrder = ['penalties', 'top_k', 'temperature', 'top_p', 'min_p', 'typ_p'] as const;
