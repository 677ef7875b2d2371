import { spawn } from 'node:child_process';

/** The built package, as a child process or a worker imports it. */
export const packageUrl = new URL('../../dist/index.js', import.meta.url).href;

/** How a child process ended, and what it wrote. */
export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the text of an ES module in a fresh node. */
export function runModule(source: string, nodeOptions: readonly string[] = []): Promise<ChildEnd> {
  const child = spawn(process.execPath, [...nodeOptions, '--input-type=module', '-e', source]);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, ...output }));
  });
}
