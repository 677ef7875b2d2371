// Programs that behave like llama.cpp's, as scripts that a test writes.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const head = `#!${process.execPath}
const { writeFileSync, readFileSync } = require('node:fs');
const args = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
if (args.includes('--version')) {
  console.error('version: fake 1 (build 7)');
  process.exit(0);
}
writeFileSync(__filename + '.args', JSON.stringify(args));
writeFileSync(__filename + '.pid', String(process.pid));
`;

/** Writes a script that tells a version, leaves its arguments and its process id in files beside it, and runs the body. */
export function writeProgram(folder: string, name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(path, head + body);
  chmodSync(path, 0o755);
  return path;
}

/** A body that serves: not ready at first, then `onCompletion`, in which `fields` came in and `answer(status, value)` goes out. */
export function serverBody(onCompletion: string): string {
  return `
let numAsked = 0;
require('node:http').createServer((request, response) => {
  const answer = (status, value) => response.writeHead(status).end(JSON.stringify(value));
  if (request.url === '/health') return answer(numAsked++ === 0 ? 503 : 200, {});
  let body = '';
  request.on('data', (chunk) => (body += chunk)).on('end', () => {
    const fields = JSON.parse(body);
    ${onCompletion}
  });
}).listen(Number(option('--port')), '127.0.0.1');
`;
}

/** What llama-speculative-simple prints for a prompt, as a body; `text` goes after the prompt. */
export function speculativeBody(text: string): string {
  return `
process.stdout.write('\\n\\n<s> ' + readFileSync(option('-bf'), 'utf8') + ${JSON.stringify(text)} + '\\n\\n\\n\\n');
console.error('encoded    5 tokens in    0.010 seconds, speed:  500.000 t/s');
console.error('decoded   20 tokens in    0.200 seconds, speed:  100.000 t/s');
console.error('\\nn_draft   = 4\\nn_predict = 20\\nn_drafted = 30\\nn_accept  = 12\\naccept    = 40.000%');
`;
}
