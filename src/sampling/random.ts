// Uniforms as a pure function of what they are for. Knows nothing of models or trees.

/**
 * What a uniform is drawn for; streams of different purposes are independent.
 * The numbers are part of what a seed means: append, never renumber.
 */
export const Purpose = {
  /** Draws an output token from the target (or residual) distribution. */
  target: 0,
  /** Decides whether a drafted node is accepted. */
  accept: 1,
  /** Draws a draft token. */
  draft: 2,
  /** Draws measurements again, to learn how sure a figure of them is. */
  resample: 3,
} as const;

/** One of the values of {@link Purpose}. */
export type Purpose = (typeof Purpose)[keyof typeof Purpose];

/** Two unsigned 32-bit words. */
export type WordPair = readonly [number, number];

const keyParity = 0x1bd11bda;
const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const numRounds = 20;
const roundsPerInjection = 4;
const maxPosition = 2 ** 32;
const maxNode = 2 ** 24;

/**
 * The Threefry-2x32 block cipher with 20 rounds: a bijection of `counter` for every `key`.
 * @param key      two unsigned 32-bit words
 * @param counter  two unsigned 32-bit words
 * @see Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (no departures)
 */
export function threefry2x32(key: WordPair, counter: WordPair): WordPair {
  const schedule = [key[0], key[1], keyParity ^ key[0] ^ key[1]];
  let first = (counter[0] + key[0]) | 0;
  let second = (counter[1] + key[1]) | 0;
  for (let round = 0; round < numRounds; round++) {
    const rotation = rotations[round % rotations.length]!;
    first = (first + second) | 0;
    second = ((second << rotation) | (second >>> (32 - rotation))) ^ first;
    if ((round + 1) % roundsPerInjection === 0) {
      const injection = (round + 1) / roundsPerInjection;
      first = (first + schedule[injection % 3]!) | 0;
      second = (second + schedule[(injection + 1) % 3]! + injection) | 0;
    }
  }
  return [first >>> 0, second >>> 0];
}

/**
 * A uniform in [0, 1) with 53 random bits, a pure function of its arguments.
 * @param seed      integer in [0, 2^53); its low and high words are the key
 * @param purpose   selects an independent stream
 * @param position  output position in tokens, integer in [0, 2^32)
 * @param node      node of the round's tree or another index within the position, integer in [0, 2^24)
 * @throws {RangeError} when an argument is out of range
 */
export function uniform(seed: number, purpose: Purpose, position: number, node = 0): number {
  checkInteger('seed', seed, Number.MAX_SAFE_INTEGER + 1);
  checkInteger('position', position, maxPosition);
  checkInteger('node', node, maxNode);
  const key: WordPair = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  const [high, low] = threefry2x32(key, [position, purpose * maxNode + node]);
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

function checkInteger(name: string, value: number, limit: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value < limit)) {
    throw new RangeError(`Expected an integer in [0, ${limit}) for ${name} but received ${value}`);
  }
}
