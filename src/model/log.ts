// llama.cpp's log, for whoever asks for it; without a handler it goes nowhere.
import { loadAddon } from '../bindings/load-addon.js';
import { nativeCall } from '../bindings/native-error.js';

const levels = ['debug', 'info', 'warn', 'error'] as const;

/** Severity of a log line. */
export type LogLevel = (typeof levels)[number];

/**
 * Sends the log of llama.cpp to `handler`, called on this thread some time after the event. One handler per thread;
 * undefined removes it.
 */
export function setLogHandler(
  handler: ((level: LogLevel, text: string) => void) | undefined,
  minLevel: LogLevel = 'warn',
): void {
  const callback =
    handler && ((level: number, text: string): void => handler(levels[level - 1] ?? 'error', text));
  nativeCall(() => loadAddon().setLogger(callback, levels.indexOf(minLevel) + 1));
}
