/** A draw, and which of its outcomes is being tried. */
interface Level {
  readonly weights: readonly number[];
  index: number;
}

/** Takes part in a run: draws are decided by the enumeration. */
export interface Choices {
  /** An index of `weights`, which sum to 1; those of no weight are never drawn. */
  draw(weights: ArrayLike<number>): number;
}

/** What a run gave, and how likely its draws were. */
export interface WeightedRun<T> {
  readonly value: T;
  readonly probability: number;
}

/** Runs again and again until every sequence of draws has been taken once; a run's draws may depend on earlier ones. */
export async function everyBranch<T>(run: (choices: Choices) => Promise<T>): Promise<WeightedRun<T>[]> {
  const levels: Level[] = [];
  const runs: WeightedRun<T>[] = [];
  const advance = (level: Level): boolean => {
    do level.index++;
    while (level.index < level.weights.length && !(level.weights[level.index]! > 0));
    return level.index < level.weights.length;
  };
  do {
    let depth = 0;
    let probability = 1;
    const value = await run({
      draw(weights) {
        const level = levels[depth] ?? { weights: Array.from(weights), index: -1 };
        if (depth === levels.length) {
          levels.push(level);
          advance(level);
        }
        depth++;
        probability *= level.weights[level.index]!;
        return level.index;
      },
    });
    runs.push({ value, probability });
    while (levels.length > 0 && !advance(levels.at(-1)!)) levels.pop();
  } while (levels.length > 0);
  return runs;
}
