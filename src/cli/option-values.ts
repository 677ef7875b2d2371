// Reading option values from text. Knows nothing of what they mean.

/** Wrong use of the command line; the exit status is 2. */
export class UsageError extends Error {}

/** A number, or an error that names the option and what was given. */
export function numberValue(name: string): (value: string | undefined) => number | undefined {
  return (value) => {
    if (value === undefined) return undefined;
    const number = Number(onlyOnce(name, value));
    if (value.trim() === '' || Number.isNaN(number)) {
      throw new UsageError(`Expected a number for --${name} but received ${JSON.stringify(value)}`);
    }
    return number;
  };
}

/** Numbers separated by commas, or an error that names the option and what was given. */
export function numberList(name: string): (value: string | undefined) => readonly number[] | undefined {
  const read = numberValue(name);
  return (value) =>
    value === undefined
      ? undefined
      : onlyOnce(name, value)
          .split(',')
          .map((part) => read(part)!);
}

/** An integer of at least 1, or an error that names the option and what was given. */
export function countValue(name: string): (value: string | undefined) => number | undefined {
  const read = numberValue(name);
  return (value) => {
    const count = read(value);
    if (count === undefined || (Number.isSafeInteger(count) && count >= 1)) return count;
    throw new UsageError(`Expected an integer of at least 1 for --${name} but received ${count}`);
  };
}

/** An option that may be given once; the last word would win silently otherwise. */
export function onlyOnce<T>(name: string, value: T): T {
  if (!Array.isArray(value)) return value;
  throw new UsageError(`Expected one value for --${name} but received ${value.join(' and ')}`);
}

/** Token biases written as ID:X, X a number or -inf. */
export function logitBiasValue(values: readonly string[] | undefined): Map<number, number> {
  const bias = new Map<number, number>();
  for (const value of values ?? []) {
    const match = /^(\d+):(.+)$/.exec(value);
    const number = match === null ? NaN : match[2] === '-inf' ? -Infinity : Number(match[2]);
    if (match === null || Number.isNaN(number)) {
      throw new UsageError(
        `Expected ID:X, such as 42:-1.5 or 42:-inf, for --logit-bias but received ${value}`,
      );
    }
    bias.set(Number(match[1]), number);
  }
  return bias;
}

const suffixes: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, B: 1e9 };

/** A count with an optional suffix, such as 300M or 1.5B. */
export function parameterCount(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const match = /^([\d.]+)([KMB]?)$/i.exec(value);
  const count = match === null ? NaN : Number(match[1]) * (suffixes[match[2]!.toUpperCase()] ?? 1);
  if (!(count >= 1)) {
    throw new UsageError(`Expected a count such as 300M or 1.5B for --parameters but received ${value}`);
  }
  return count;
}
