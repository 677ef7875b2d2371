// Spec-Bench's categories. Knows nothing of files.

/** Categories that its tables put together (hemingkx/Spec-Bench, evaluation/speed.py). */
const multiTurn: ReadonlySet<string> = new Set([
  ...['writing', 'roleplay', 'reasoning', 'math', 'coding', 'extraction', 'stem', 'humanities'],
]);

/** The category that a question's own is part of in Spec-Bench's tables; any other is one by itself. */
export const reportedCategory = (category: string): string =>
  multiTurn.has(category) ? 'multi-turn' : category;
