// When speculation that is off is tried again. Knows nothing of costs or drafts: what probes lose is given in plain tokens.

/** Share of the time that probes may cost while speculation is off. */
const probeShare = 0.008;
const firstProbeDistance = 16;
/** Early in every so many generations a probe is made at any rate; twice as many after each that brings nothing. */
const maxGenerationDistance = 16;
const maxProbeDistance = 2048;
/** Plain tokens between probes where even a draft that is accepted whole would not pay: only a mistake in costs could make one. */
const hopelessDistance = 32_768;
/** Share of the time that early probes may cost; they are worth more than others, for a new text may be of another kind. */
const earlyShare = 0.02;

/** What a probe costs and whether it may pay, in plain tokens. */
export interface ProbeProspect {
  /** What one is expected to lose, its beginning included. */
  readonly expectedLoss: number;
  /** What its first draft takes beyond those that follow. */
  readonly beginTokens: number;
  /** What the changes of size take that it makes. */
  readonly changeTokens: number;
  /** Speculation usually pays here, and what is left of the text is worth it. */
  readonly usuallyPays: boolean;
  /** What drafts would bring is seen without any: none is made early; default false. */
  readonly isWatched?: boolean | undefined;
}

/** Counts plain tokens, and what probes have lost. */
export class ProbeRhythm {
  /** Plain tokens before the next probe in a text that is an exception. */
  #retryDistance = firstProbeDistance;
  #probeDistance = firstProbeDistance;
  #plainSinceProbe = 0;
  #plainSinceBegin = 0;
  #plainSinceOff = 0;
  /** Generations from one early probe to the next, and until then. */
  #generationDistance = 1;
  #generationsToProbe = 1;
  /** What the last probe that brought nothing cost. */
  #lostTokens = 0;

  /** Plain tokens since speculation was switched off. */
  get plainSinceOff(): number {
    return this.#plainSinceOff;
  }

  /** A generation begins, perhaps with speculation off. */
  begin(isOff: boolean): void {
    if (isOff) this.#generationsToProbe -= 1;
    this.#plainSinceBegin = 0;
    this.#retryDistance = firstProbeDistance;
  }

  switchOff(): void {
    this.#plainSinceOff = 0;
  }

  switchOn(): void {
    this.#probeDistance = firstProbeDistance;
    this.#plainSinceProbe = 0;
    this.#lostTokens = 0;
    this.#generationDistance = 1;
    this.#generationsToProbe = 1;
  }

  /** Counts a plain token. */
  count(): void {
    this.#plainSinceProbe += 1;
    this.#plainSinceBegin += 1;
    this.#plainSinceOff += 1;
  }

  /** A probe has brought nothing, and lost so many plain tokens. */
  fail(lostTokens: number): void {
    this.#lostTokens = lostTokens;
    if (this.#generationsToProbe <= 0) {
      this.#generationDistance = Math.min(maxGenerationDistance, 2 * this.#generationDistance);
      this.#generationsToProbe = this.#generationDistance;
    }
    this.#plainSinceProbe = 0;
    this.#probeDistance = Math.min(maxProbeDistance, 2 * this.#probeDistance);
    this.#retryDistance *= 2;
  }

  /** Plain tokens before the next probe; undefined: no draft could pay. */
  left(prospect: ProbeProspect | undefined): number {
    if (prospect === undefined) return hopelessDistance - this.#plainSinceProbe;
    return Math.min(
      this.#distance(prospect) - this.#plainSinceProbe,
      prospect.isWatched === true ? Infinity : this.#leftToEarly(prospect),
      this.#leftToRetry(prospect),
    );
  }

  /** Plain tokens between probes, so that a probe that brings nothing costs next to nothing. */
  #distance({ expectedLoss, beginTokens }: ProbeProspect): number {
    // What a draft loses was only computed, and may be a mistake; what it takes to begin, or was suffered, is not.
    const beginLoss = Math.min(beginTokens, expectedLoss);
    const ofDraft = Math.min(maxProbeDistance, Math.ceil((expectedLoss - beginLoss) / probeShare));
    const distance = ofDraft + Math.ceil(beginLoss / probeShare);
    return Math.max(this.#probeDistance, distance, Math.ceil(this.#lostTokens / probeShare));
  }

  /** Plain tokens before an early probe, where one is due in this generation and worth what it costs, and the last one did. */
  #leftToEarly({ expectedLoss }: ProbeProspect): number {
    if (this.#generationsToProbe > 0) return Infinity;
    const lostTokens = Math.max(this.#lostTokens, expectedLoss);
    return Math.max(
      firstProbeDistance - this.#plainSinceBegin,
      Math.ceil(lostTokens / earlyShare) - this.#plainSinceProbe,
    );
  }

  /** Where speculation usually pays it is tried again soon, and after each failure half as soon. */
  #leftToRetry({ usuallyPays, changeTokens }: ProbeProspect): number {
    if (!usuallyPays) return Infinity;
    const distance = Math.max(this.#retryDistance, Math.ceil(changeTokens / earlyShare));
    return distance - Math.min(this.#plainSinceOff, this.#plainSinceProbe);
  }
}
