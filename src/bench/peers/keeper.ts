// A process between this one and a program that would outlive it. Knows nothing of what the program does.

/** Milliseconds a program has to end by itself. */
const graceMs = 1000;

/** Ends the program when stdin closes, which it does however this process's parent ends; says with 127 that it never began. */
const source = `
const { spawn } = require('node:child_process');
const [command, ...args] = process.argv.slice(1);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
const end = () => {
  child.kill();
  setTimeout(() => child.kill('SIGKILL'), ${graceMs}).unref();
};
process.stdin.on('end', end).on('error', end).resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
child.on('error', (error) => {
  console.error(error.message);
  process.exit(127);
});
child.on('exit', (code, signal) => {
  if (signal !== null) console.error('ended by ' + signal);
  process.exit(code ?? 1);
});
`;

/**
 * What to give to node so that it runs a program with these arguments and ends it once its own stdin closes: a program
 * that reads no stdin would go on after its parent was killed.
 */
export function keptCommand(command: string, args: readonly string[]): string[] {
  return ['-e', source, '--', command, ...args];
}
