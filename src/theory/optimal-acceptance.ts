// The best that any multi-draft rule can accept, by search over prefixes. Knows nothing of rules.
import { probabilityOf, type Distribution } from '../sampling/distribution.js';

/** Tokens of either law, the most overestimated by the draft first. */
function byOverestimate(
  targetProbs: Distribution,
  draftProbs: Distribution,
): { target: number; draft: number }[] {
  const tokens = [...new Set([...targetProbs.ids, ...draftProbs.ids])];
  return tokens
    .map((token) => ({ target: probabilityOf(targetProbs, token), draft: probabilityOf(draftProbs, token) }))
    .sort((one, other) => other.draft * one.target - one.draft * other.target);
}

/**
 * `1 + min over H of p(H) - Q(H)` for siblings drawn with replacement, `Q(H) = q(H)^n`; the best H is a prefix of the
 * tokens by q / p.
 * @param siblingCounts  n
 * @returns [siblingCounts.length]
 * @see Hu et al., arXiv:2502.18779, sec. 4
 */
export function optimalWithReplacement(
  targetProbs: Distribution,
  draftProbs: Distribution,
  siblingCounts: readonly number[],
): number[] {
  const best = siblingCounts.map(() => 0);
  let [target, draft] = [0, 0];
  for (const token of byOverestimate(targetProbs, draftProbs)) {
    target += token.target;
    draft += token.draft;
    for (const [index, count] of siblingCounts.entries())
      best[index] = Math.min(best[index]!, target - draft ** count);
  }
  return best.map((least) => 1 + least);
}

const [firstLogTime, lastLogTime, logStep] = [-16, 28, 0.1];

/**
 * As {@link optimalWithReplacement}, without replacement and for every number of siblings from 1 to `maxSiblings`.
 *
 * Drawing without replacement is a race of exponential clocks with rates q; all n siblings lie in H when n clocks of H
 * ring before any other does: `Q(H) = integral of l exp(-l t) Pr[at least n of H rang by t] dt` with `l = 1 - q(H)`.
 * The integral is a sum over log t, which converges fast because the integrand vanishes smoothly at both ends.
 * @returns [maxSiblings]
 */
export function optimalWithoutReplacement(
  targetProbs: Distribution,
  draftProbs: Distribution,
  maxSiblings: number,
): number[] {
  const tokens = byOverestimate(targetProbs, draftProbs);
  const numPrefixes = tokens.length;
  const inside = Array.from({ length: maxSiblings }, () => new Float64Array(numPrefixes));
  const outer = new Float64Array(numPrefixes);
  for (let index = numPrefixes - 2; index >= 0; index--)
    outer[index] = outer[index + 1]! + tokens[index + 1]!.draft;
  for (let logTime = firstLogTime; logTime <= lastLogTime; logTime += logStep) {
    const time = Math.exp(logTime);
    // counts[k]: probability that exactly k clocks of the prefix rang by then, k < maxSiblings.
    const counts = new Float64Array(maxSiblings);
    counts[0] = 1;
    for (let index = 0; index < numPrefixes; index++) {
      const rang = -Math.expm1(-tokens[index]!.draft * time);
      for (let count = maxSiblings - 1; count > 0; count--)
        counts[count] = counts[count]! * (1 - rang) + counts[count - 1]! * rang;
      counts[0]! *= 1 - rang;
      const weight = outer[index]! * time * Math.exp(-outer[index]! * time) * logStep;
      if (!(weight > 0)) continue;
      let fewer = 0;
      for (let count = 0; count < maxSiblings; count++) {
        fewer += counts[count]!;
        inside[count]![index]! += weight * (1 - fewer);
      }
    }
  }
  return inside.map((mass) => {
    let [target, best] = [0, 0];
    tokens.forEach((token, index) => {
      target += token.target;
      best = Math.min(best, target - (outer[index]! > 0 ? mass[index]! : 1));
    });
    return 1 + best;
  });
}
