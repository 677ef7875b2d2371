// What something costs as a function of its size, learnt from single measurements. Knows nothing of what is measured.
import { mean, median } from 'simple-statistics';

/** Measurements of one size that are kept. */
const memory = 9;

/** The mean without the largest value: of what takes now little, now much, and once in a while something else in between. */
export function steadyMean(values: readonly number[]): number {
  if (values.length < 3) return median([...values]);
  return mean([...values].sort((one, other) => one - other).slice(0, -1));
}

/**
 * Milliseconds by size: the median of the last measurements at each size, or another average of them, linear between sizes that were seen, and beyond
 * them along the line through the outermost two. Medians keep one slow moment from speaking for all.
 */
export class SizeCurve {
  readonly #average: (values: number[]) => number;
  readonly #recent = new Map<number, number[]>();
  /** Averages, where they are known to those measurements. */
  readonly #averages = new Map<number, number>();
  /** Sizes that were not measured, but are taken to cost what is known of them. */
  readonly #guessed = new Set<number>();
  #points: readonly (readonly [size: number, ms: number])[] | undefined;

  constructor(average: (values: number[]) => number = median) {
    this.#average = average;
  }

  /** Forgets the oldest measurement of this size for it where there are many. */
  observe(size: number, ms: number): void {
    const isFirst = this.#guessed.delete(size);
    const recent = isFirst ? [] : (this.#recent.get(size) ?? []);
    recent.push(ms);
    if (recent.length > memory) recent.shift();
    this.#recent.set(size, recent);
    this.#averages.delete(size);
    this.#points = undefined;
  }

  /** One that has seen the same. */
  copy(): SizeCurve {
    const copy = new SizeCurve(this.#average);
    for (const [size, recent] of this.#recent) copy.#recent.set(size, [...recent]);
    for (const size of this.#guessed) copy.#guessed.add(size);
    return copy;
  }

  /** A curve that takes each size to cost so many times as much, until it is measured. */
  slowed(factor: number): SizeCurve {
    const curve = new SizeCurve(this.#average);
    for (const [size, ms] of this.points) {
      curve.observe(size, factor * ms);
      curve.#guessed.add(size);
    }
    return curve;
  }

  /** True for a size that is told by one, at least, that was not measured since the machine became slower. */
  isGuessed(size: number): boolean {
    if (this.#guessed.size === 0 || this.#recent.has(size)) return this.#guessed.has(size);
    const sizes = this.points.map(([at]) => at);
    const around = [sizes.findLast((at) => at < size), sizes.find((at) => at > size)];
    return around.some((at) => at !== undefined && this.#guessed.has(at));
  }

  /** Sizes that were measured, ascending, and what each costs. */
  get points(): readonly (readonly [size: number, ms: number])[] {
    this.#points ??= Array.from(this.#recent, ([at, values]): [number, number] => {
      const known = this.#averages.get(at) ?? this.#average(values);
      this.#averages.set(at, known);
      return [at, known];
    }).sort(([one], [other]) => one - other);
    return this.#points;
  }

  /** @returns milliseconds, at least 0; undefined before the first measurement */
  predict(size: number): number | undefined {
    const points = this.points;
    if (points.length === 0) return undefined;
    if (points.length === 1) return points[0]![1];
    const above = points.findIndex(([at]) => at >= size);
    const high = above === -1 ? points.length - 1 : Math.max(above, 1);
    const [[fromSize, fromMs], [toSize, toMs]] = [points[high - 1]!, points[high]!];
    const isBeyond = size > toSize || size < fromSize;
    const slope = (toMs - fromMs) / (toSize - fromSize);
    // A slope that noise has turned downwards is none to go on with.
    const ms = fromMs + (isBeyond ? Math.max(0, slope) : slope) * (size - fromSize);
    return Math.max(0, isBeyond && slope < 0 ? (size > toSize ? toMs : fromMs) : ms);
  }
}
