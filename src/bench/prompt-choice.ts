// Which prompts are taken where not all are. Knows nothing of what they say.

/** What a prompt is about, where that is known. */
interface OfCategory {
  readonly category?: string | undefined;
}

/** Up to `count` prompts, as evenly over their categories as there are, the first ones of each, in the order that they had. */
export function chosenPrompts<Prompt extends OfCategory>(
  prompts: readonly Prompt[],
  count: number | undefined,
): readonly Prompt[] {
  if (count === undefined || count >= prompts.length) return prompts;
  const ranks = new Map<string | undefined, number>();
  const ranked = prompts.map((prompt, index) => {
    const rank = ranks.get(prompt.category) ?? 0;
    ranks.set(prompt.category, rank + 1);
    return { prompt, index, rank };
  });
  return ranked
    .sort((one, other) => one.rank - other.rank || one.index - other.index)
    .slice(0, count)
    .sort((one, other) => one.index - other.index)
    .map(({ prompt }) => prompt);
}
