// JSON over HTTP without a limit of time: an answer may take minutes, and `fetch` gives up after five.
import { request } from 'node:http';
import { text } from 'node:stream/consumers';

/** An answer's status, and its body as it came. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * Asks a server on this machine; a body makes it a POST.
 * @throws as `node:http` does when the connection fails or breaks
 */
export function askLocal(port: number, path: string, body?: unknown): Promise<HttpAnswer> {
  const method = body === undefined ? 'GET' : 'POST';
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    // No kept connection: the server may close one at the moment when it is used again.
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
