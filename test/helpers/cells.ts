// The cells of a saved sequence in the order of their positions. Knows the layout of llama.cpp's bytes, and nothing of models.

/** Of each cache of a model: what the cell of each position holds, the keys of all layers and then the values. */
export type Cells = readonly ReadonlyMap<number, Float32Array>[];

/** What a sequence of cells spans, in tokens; a window of 0 is none. */
export interface Extent {
  readonly length: number;
  readonly slidingWindow: number;
}

const bytesPerValue = 4;

/** Reads numbers one after the other. */
class Reader {
  at = 0;
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  int(): number {
    this.at += 4;
    return this.bytes.readInt32LE(this.at - 4);
  }

  long(): number {
    this.at += 8;
    return Number(this.bytes.readBigInt64LE(this.at - 8));
  }

  values(count: number): Float32Array {
    const values = Float32Array.from({ length: count }, (_, index) =>
      this.bytes.readFloatLE(this.at + bytesPerValue * index),
    );
    this.at += bytesPerValue * count;
    return values;
  }
}

/**
 * Reads what `llama_state_seq_get_data` wrote of one sequence of a context with keys and values in f32, flash attention
 * off, and one stream: what {@link exactContext} gives.
 * @throws {RangeError} when the bytes are laid out otherwise
 */
export function readCells(bytes: Buffer): Cells {
  const reader = new Reader(bytes);
  // A magic number and the sequence.
  reader.at = 8;
  const caches: ReadonlyMap<number, Float32Array>[] = [];
  while (reader.at < bytes.length) caches.push(readCache(reader));
  return caches;
}

function readCache(reader: Reader): ReadonlyMap<number, Float32Array> {
  expectValue('streams', reader.int(), 1);
  const numCells = reader.int();
  if (numCells === 0) return new Map();
  const positions = Array.from({ length: numCells }, () => {
    const position = reader.int();
    expectValue('sequences of a cell', reader.int(), 1);
    reader.int();
    return position;
  });
  expectValue('transposed values', reader.int(), 1);
  const numLayers = reader.int();
  const cells = positions.map((): number[] => []);
  for (let layer = 0; layer < numLayers; layer++) {
    expectValue('key type', reader.int(), 0);
    const width = reader.long() / bytesPerValue;
    for (const cell of cells) cell.push(...reader.values(width));
  }
  for (let layer = 0; layer < numLayers; layer++) {
    expectValue('value type', reader.int(), 0);
    expectValue('bytes of a value', reader.int(), bytesPerValue);
    const width = reader.int();
    for (let lane = 0; lane < width; lane++) {
      reader.values(numCells).forEach((value, index) => cells[index]!.push(value));
    }
  }
  const byPosition = new Map(
    positions.map((position, index) => [position, Float32Array.from(cells[index]!)]),
  );
  expectValue('different positions', byPosition.size, numCells);
  return byPosition;
}

function expectValue(name: string, value: number, wanted: number): void {
  if (value !== wanted) throw new RangeError(`Expected ${wanted} for ${name} but received ${value}`);
}

/**
 * Largest difference of two sequences' keys and values; infinite when they do not have the same positions. Of the layers
 * with a sliding window only what the next token sees counts.
 */
export function cellDistance(left: Cells, right: Cells, { length, slidingWindow }: Extent): number {
  if (left.length !== right.length) return Infinity;
  let largest = 0;
  for (const [index, cache] of left.entries()) {
    // llama.cpp writes these layers last.
    const isWindowed = slidingWindow > 0 && index === left.length - 1;
    const first = isWindowed ? Math.max(0, length - slidingWindow + 1) : 0;
    for (let position = first; position < length; position++) {
      const [values, wanted] = [cache.get(position), right[index]!.get(position)];
      if (values === undefined || values.length !== wanted?.length) return Infinity;
      values.forEach((value, at) => (largest = Math.max(largest, Math.abs(value - wanted[at]!))));
    }
    if (Math.max(0, ...cache.keys()) >= Math.max(1, length)) return Infinity;
  }
  return largest;
}
