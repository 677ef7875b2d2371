// What a guard is made with.
import type { PlainPace } from '../metrics/plain-pace.js';
import type { SpeedBasis } from './expected-speed.js';

/** Options of a guard. */
export interface GuardOptions extends SpeedBasis {
  /** True mixes in plain rounds while speculating, too, to measure the speedup. */
  readonly isMeasuring: boolean;
  /** Milliseconds that the drafter takes for a token of a text before its first draft, measured before. */
  readonly readMsPerToken?: number | undefined;
  /** What plain tokens took in answers before. */
  readonly pace?: PlainPace | undefined;
  /** The drafter can say what it would have drafted along tokens that were decoded plainly; default false. */
  readonly canLookBack?: boolean | undefined;
}
