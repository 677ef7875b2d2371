// The temperature to draw drafts at, learnt from how far draft and target overlap. Knows nothing of models.
import { FadingMean } from '../metrics/fading-mean.js';
import type { Distribution } from '../sampling/distribution.js';

/** Factors of the target's temperature. A draft model is rarely surer than the target. */
const candidates: readonly number[] = [1, 0.85, 0.7, 0.55, 0.4, 0.25];
/** Share of an observation's weight that is left after the next one: about the last hundred count. */
const fading = 0.99;
/** Observations before anything is changed, and the overlap that another candidate has to have more: a change costs a sampler. */
const firstObservations = 8;
const worthChanging = 0.003;
/** Exponentials computed in a round on average, some microseconds; copying a probability counts as `copyCost` of one. */
const spentPerRound = 500;
const copyCost = 0.25;
/** Draft tokens that are less likely than that times the likeliest one, at the target's temperature, count for nothing. */
const negligible = 1e-5;

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

  /** The factor of the target's temperature to draw at. */
  get value(): number {
    return this.#chosen.temperature;
  }

  /** Learns from rows of one place: the draft's at `value`, and the target's. */
  observe(rowOfDraft: () => Distribution, rowOfTarget: () => Distribution): void {
    this.#credit += spentPerRound;
    if (this.#credit < 0) return;
    const [draft, target] = [rowOfDraft(), rowOfTarget()];
    const powers = candidates.map((temperature) => this.value / temperature);
    const kept = likely(draft, negligible ** (1 / this.value));
    const overlaps = overlapsAt(kept, target, powers);
    for (const [index, { mean }] of this.#overlaps.entries()) mean.observe(overlaps[index]!);
    const copied = draft.ids.length + target.ids.length;
    const spent = candidates.length * kept.ids.length + copyCost * copied;
    this.#credit = Math.min(this.#credit, spentPerRound) - spent;
    this.#numSeen += 1;
    if (this.#numSeen < firstObservations) return;
    const best = this.#overlaps.reduce((one, other) => (other.mean.value > one.mean.value ? other : one));
    if (best.mean.value > this.#chosen.mean.value + worthChanging) this.#chosen = best;
  }
}

/** The tokens that are at least so likely as `share` of the likeliest one. */
function likely({ ids, probs }: Distribution, share: number): Distribution {
  const limit = share * probs.reduce((most, prob) => Math.max(most, prob), 0);
  return {
    ids: ids.filter((_, index) => probs[index]! >= limit),
    probs: probs.filter((prob) => prob >= limit),
  };
}

/** For each power sum_x min(p(x), q(x)^power / sum q^power), where q is the draft's row and p the target's. */
export function overlapsAt(draft: Distribution, target: Distribution, powers: readonly number[]): number[] {
  const logs = draft.probs.map(Math.log);
  const targets = new Float64Array(logs.length);
  for (let at = 0, other = 0; at < targets.length; at++) {
    while (other < target.ids.length && target.ids[other]! < draft.ids[at]!) other += 1;
    if (target.ids[other] === draft.ids[at]) targets[at] = target.probs[other]!;
  }
  return powers.map((power) => {
    const weights = logs.map((log) => Math.exp(power * log));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return targets.reduce((sum, prob, at) => sum + Math.min(prob, weights[at]! / total), 0);
  });
}
