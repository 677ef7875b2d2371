// Checks shared by the option objects of this folder.

/** @throws {TypeError} when `options` has a key that is not in `known` */
export function rejectUnknownKeys(what: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(
        `Expected known options for ${what} but received '${key}'. Known: ${known.join(', ')}`,
      );
    }
  }
}

/** @throws {RangeError} when `value` is not an integer in [low, high] */
export function requireInteger(name: string, value: number, low: number, high = 2 ** 31 - 1): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new RangeError(`Expected an integer in [${low}, ${high}] for ${name} but received ${String(value)}`);
}

/** @throws {TypeError} when `value` is not one of `known` */
export function requireOneOf<T extends string>(name: string, value: T, known: readonly T[]): T {
  if (known.includes(value)) return value;
  throw new TypeError(`Expected one of ${known.join(', ')} for ${name} but received ${String(value)}`);
}

/** @throws {TypeError} when `value` is not a boolean */
export function requireBoolean(name: string, value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`Expected a boolean for ${name} but received ${String(value)}`);
}
