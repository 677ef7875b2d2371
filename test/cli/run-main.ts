import { vi } from 'vitest';
import { main } from '../../src/cli/main.js';
import type { CliOutcome } from './run-cli.js';

/** Runs the command line in this process, from its sources: a process of its own takes half a second to start. */
export async function runMain(args: readonly string[]): Promise<CliOutcome> {
  let [stdout, stderr] = ['', ''];
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((line: string) => void (stdout += `${line}\n`)),
    vi.spyOn(console, 'error').mockImplementation((line: string) => void (stderr += `${line}\n`)),
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += text.toString();
      return true;
    }),
  ];
  try {
    const status = await main(args);
    return { stdout, stderr, status };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
