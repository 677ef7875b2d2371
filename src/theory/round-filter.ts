// Where the running round is, given the text so far, for rules that decide token by token. Knows nothing of rules.

/** How likely the token that came out was in each of the ways it can have come. */
export interface TokenWays {
  /** Drafted and accepted. */
  readonly accepted: number;
  /** Drawn after a rejection. */
  readonly recovered: number;
  /** Drawn after a whole accepted chain. */
  readonly bonus: number;
}

/** What a text brought, so far. */
export interface FilteredRounds {
  /** [numStarts]: the probability that a round starts at this token. */
  readonly starts: readonly number[];
  /** Draft tokens accepted in these rounds. */
  readonly acceptedTokens: number;
  /** Of these rounds, those that ended with a rejection. */
  readonly rejections: number;
}

/**
 * The share of each number of tokens that the running round has accepted, given the text: a forward filter. Unlike a survival
 * along the text it holds for lossy rules, too, whose output has another law after a whole chain than within one: the next
 * token has the law `(1 - w) A + w p`, w being {@link whole}, A that of a token that a draft token was tried for.
 */
export class RoundFilter implements FilteredRounds {
  readonly starts: number[] = [1];
  acceptedTokens = 0;
  rejections = 0;
  /** [length + 1]; sums to 1. */
  #ages: Float64Array;
  /** As ages, of rounds among the starts alone. */
  #counted: Float64Array;

  /** @param length  draft tokens of a round; the first one starts with the text */
  constructor(length: number) {
    this.#ages = new Float64Array(length + 1);
    this.#ages[0] = 1;
    this.#counted = this.#ages.slice();
  }

  /** The share of rounds whose whole chain is accepted: the next token is a bonus. */
  get whole(): number {
    return this.#ages.at(-1)!;
  }

  /** The share of rounds among the starts that try a draft token next. */
  get trying(): number {
    return this.#counted.subarray(0, -1).reduce((sum, share) => sum + share, 0);
  }

  /**
   * Takes in the next token.
   * @param canStart  a round that starts after it is one of the starts
   */
  observe({ accepted, recovered, bonus }: TokenWays, canStart: boolean): void {
    const inside = 1 - this.whole;
    const total = inside * (accepted + recovered) + this.whole * bonus;
    const start = (inside * recovered + this.whole * bonus) / total;
    const advance = (ages: Float64Array, first: number): Float64Array =>
      ages.map((_, age) => (age === 0 ? first : (ages[age - 1]! * accepted) / total));
    this.acceptedTokens += (this.trying * accepted) / total;
    this.rejections += (this.trying * recovered) / total;
    this.#counted = advance(this.#counted, canStart ? start : 0);
    this.#ages = advance(this.#ages, start);
    if (canStart) this.starts.push(start);
  }
}
