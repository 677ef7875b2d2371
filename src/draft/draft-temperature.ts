// The temperature to draw drafts at, learnt from how far draft and target overlap. Knows nothing of models.
import { FadingMean } from '../metrics/fading-mean.js';
import type { Distribution } from '../sampling/distribution.js';

/** Times the target's temperature. A draft model is rarely surer than the target. */
const candidates: readonly number[] = [1, 0.85, 0.7, 0.55, 0.4, 0.25];
/** Share of an observation's weight that is left after the next one: about the last hundred count. */
const fading = 0.99;
/** Observations before anything is changed, and what another candidate has to be better by. */
const firstObservations = 8;
const worthChanging = 0.003;
/** Probabilities that are looked at in a round, on average: rows of a large vocabulary are compared now and then only. */
const probabilitiesPerRound = 2000;

/**
 * A drafted token is accepted with probability sum_x min(p(x), q(x)) where it is drawn from q and p is the target's
 * (Leviathan et al., arXiv:2211.17192, section 3.2). That is computed for q at each of a few temperatures, without drawing
 * at them, and the best one is drawn at. Drafts at any temperature are lossless, as the rows are those drawn from.
 */
export class DraftTemperature {
  readonly #overlaps = candidates.map((temperature) => ({ temperature, mean: new FadingMean(fading) }));
  #chosen = this.#overlaps[0]!;
  #numSeen = 0;
  #credit = 0;

  /** Times the target's temperature. */
  get value(): number {
    return this.#chosen.temperature;
  }

  /** Learns from rows of one place: the draft's at `value`, and the target's. */
  observe(rowOfDraft: () => Distribution, rowOfTarget: () => Distribution): void {
    this.#credit += probabilitiesPerRound;
    if (this.#credit < 0) return;
    const [draft, target] = [rowOfDraft(), rowOfTarget()];
    this.#credit = Math.min(this.#credit, probabilitiesPerRound) - candidates.length * draft.probs.length;
    for (const { temperature, mean } of this.#overlaps)
      mean.observe(overlapAt(draft, target, this.value / temperature));
    this.#numSeen += 1;
    if (this.#numSeen < firstObservations) return;
    const best = this.#overlaps.reduce((one, other) => (other.mean.value > one.mean.value ? other : one));
    if (best.mean.value > this.#chosen.mean.value + worthChanging) this.#chosen = best;
  }
}

/** sum_x min(p(x), q(x)^power / sum q^power). */
export function overlapAt(draft: Distribution, target: Distribution, power: number): number {
  const weights = draft.probs.map((prob) => prob ** power);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let overlap = 0;
  for (let at = 0, other = 0; at < draft.ids.length; at++) {
    while (other < target.ids.length && target.ids[other]! < draft.ids[at]!) other += 1;
    if (target.ids[other] === draft.ids[at]) overlap += Math.min(target.probs[other]!, weights[at]! / total);
  }
  return overlap;
}
