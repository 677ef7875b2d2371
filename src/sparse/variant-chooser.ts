// Which of several ways to decode a batch is the fastest: by predicted times, and by trying. Knows nothing of the ways.

/** Predicts batches, and learns from each; see ThinnedCost of src/cost. */
export interface VariantCosts {
  /** @returns milliseconds; undefined before the first measurement */
  predict(variant: string, numTokens: number, contextLength: number): number | undefined;
  /** @returns true when the batch counted */
  observe(measured: {
    readonly variant: string;
    readonly numTokens: number;
    readonly contextLength: number;
    readonly ms: number;
  }): boolean;
}

/** A way to decode a batch. */
export interface Variant {
  readonly name: string;
  /** Milliseconds that it cannot be faster than, as far as is known; it is not tried where that does not pay. */
  readonly floorMs?: number | undefined;
}

/** A thinned batch has to be so many times as fast as the dense one. */
const worthThinning = 1.04;
/** Another variant has to be so many times as fast as the one before: a change costs a graph. */
const worthChanging = 1.02;
/** What dense batches take after a context so many times as long is not known. */
const longerBy = 2;
/** Batches of a trial that count, and all of them at most. */
const countedTrials = 2;
const maxTrials = 12;
/** Batches from one trial of what is not in use to the next; twice as many after each that changes nothing. */
const firstDistance = 32;
const maxDistance = 2048;
/** Share of the time that trials may cost. */
const trialShare = 0.01;

/** The name of the variant that leaves nothing out. */
export const denseVariant = 'dense';

/**
 * Takes the variant with the least predicted time, tries those that nothing is known of, and now and then others than the
 * one in use, so that a change is noticed. Dense is what everything is measured against.
 */
export class VariantChooser {
  readonly #costs: VariantCosts;
  #held = denseVariant;
  #trial: { readonly variant: string; counted: number; batches: number } | undefined;
  #distance = firstDistance;
  #sinceTrial = 0;
  #numTrials = 0;
  /** The longest context after which a dense batch was decoded. */
  #denseLength = 0;
  #reason = 'nothing was to be left out yet';

  constructor(costs: VariantCosts) {
    this.#costs = costs;
  }

  /** Why the last batch was decoded as it was. */
  get reason(): string {
    return this.#reason;
  }

  /** @param others  what could be done in place of a dense batch, the likeliest to pay first */
  choose(others: readonly Variant[], numTokens: number, contextLength: number): string {
    if (others.length === 0) {
      this.#reason = 'dense: there is nothing to leave out';
      return denseVariant;
    }
    const names = [denseVariant, ...others.map(({ name }) => name)];
    const running = this.#trial?.variant;
    if (running !== undefined && names.includes(running)) return running;
    this.#trial = undefined;
    const predict = (name: string): number | undefined => this.#costs.predict(name, numTokens, contextLength);
    const denseMs = predict(denseVariant);
    if (denseMs === undefined || contextLength > longerBy * this.#denseLength) return this.#try(denseVariant);
    const unknown = others.find(
      ({ name, floorMs = 0 }) => predict(name) === undefined && worthThinning * floorMs < denseMs,
    );
    if (unknown !== undefined) return this.#try(unknown.name);
    const known = names.flatMap((name) => {
      const ms = predict(name);
      return ms === undefined ? [] : [{ name, ms, price: name === denseVariant ? ms : worthThinning * ms }];
    });
    const best = known.reduce((least, one) => (one.price < least.price ? one : least));
    const held = known.find(({ name }) => name === this.#held);
    const choice = held !== undefined && worthChanging * best.price > held.price ? held : best;
    if (choice.name !== this.#held) {
      this.#held = choice.name;
      this.#distance = firstDistance;
      this.#sinceTrial = 0;
    }
    this.#reason = describe(known, choice.name, { others, numTokens, contextLength, denseMs });
    // Trials in turn; what cannot pay is not tried.
    const rivals = known.filter(
      ({ name }) =>
        name !== choice.name &&
        worthThinning * (others.find((one) => one.name === name)?.floorMs ?? 0) < denseMs,
    );
    const rival = rivals[this.#numTrials % Math.max(1, rivals.length)];
    if (rival === undefined) return choice.name;
    const lostBatches = maxTrials * Math.max(0, rival.ms / choice.ms - 1);
    this.#sinceTrial += 1;
    if (this.#sinceTrial < Math.max(this.#distance, lostBatches / trialShare)) return choice.name;
    this.#distance = Math.min(maxDistance, 2 * this.#distance);
    return this.#try(rival.name);
  }

  /** A batch was decoded. */
  observe(variant: string, numTokens: number, contextLength: number, ms: number): void {
    const hasCounted = this.#costs.observe({ variant, numTokens, contextLength, ms });
    if (variant === denseVariant && hasCounted) {
      this.#denseLength = Math.max(this.#denseLength, contextLength);
    }
    const trial = this.#trial;
    if (trial?.variant !== variant) return;
    trial.batches += 1;
    if (hasCounted) trial.counted += 1;
    if (trial.counted < countedTrials && trial.batches < maxTrials) return;
    this.#trial = undefined;
    if (variant === denseVariant) this.#denseLength = Math.max(this.#denseLength, contextLength);
  }

  #try(variant: string): string {
    this.#trial = { variant, counted: 0, batches: 0 };
    this.#sinceTrial = 0;
    this.#numTrials += 1;
    this.#reason = `${variant}: tried, to see what it takes`;
    return variant;
  }
}

function describe(
  known: readonly { readonly name: string; readonly ms: number }[],
  choice: string,
  at: {
    readonly others: readonly Variant[];
    readonly numTokens: number;
    readonly contextLength: number;
    readonly denseMs: number;
  },
): string {
  const times = known.map(({ name, ms }) => `${name} ${ms.toFixed(1)} ms`);
  const floors = at.others
    .filter(({ name, floorMs }) => floorMs !== undefined && !known.some((one) => one.name === name))
    .map(({ name, floorMs }) => `${name} at least ${floorMs!.toFixed(1)} ms`);
  return `${choice}: a batch of ${at.numTokens} after ${at.contextLength} tokens takes ${[...times, ...floors].join(', ')}`;
}
