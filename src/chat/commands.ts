// The commands that a conversation understands, such as /clear. Knows nothing of terminals.
import type { ChatSession } from './chat-session.js';
import { statsLines } from '../metrics/stats-text.js';
import { loadTranscript, saveTranscript } from './transcript.js';

/** What is to be done after a command. */
export interface CommandOutcome {
  /** Text for the person. */
  readonly reply?: string;
  /** A question to ask now. */
  readonly question?: string;
  readonly isExit?: boolean;
}

interface Command {
  readonly usage: string;
  readonly describe: string;
  readonly run: (session: ChatSession, argument: string) => CommandOutcome | Promise<CommandOutcome>;
}

const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['help', { usage: '/help', describe: 'this list', run: () => ({ reply: help() }) }],
  [
    'clear',
    {
      usage: '/clear',
      describe: 'forget the conversation, keep the system message',
      run: (session) => {
        session.clear();
        return { reply: 'Forgotten.' };
      },
    },
  ],
  [
    'system',
    {
      usage: '/system [TEXT]',
      describe: 'show the system message, or set it',
      run: (session, text) => {
        if (text !== '') session.system = text;
        return { reply: session.system ?? 'No system message.' };
      },
    },
  ],
  [
    'retry',
    {
      usage: '/retry',
      describe: 'ask the last question again',
      run: (session) => {
        const question = session.undo();
        return question === undefined ? { reply: 'Nothing was asked yet.' } : { question };
      },
    },
  ],
  [
    'undo',
    {
      usage: '/undo',
      describe: 'take back the last question and its answer',
      run: (session) => ({
        reply: session.undo() === undefined ? 'Nothing was asked yet.' : 'Taken back.',
      }),
    },
  ],
  [
    'save',
    {
      usage: '/save FILE',
      describe: 'write the conversation to a file',
      run: async (session, path) => {
        if (path === '') return { reply: 'Expected /save FILE' };
        await saveTranscript(path, session.messages);
        return { reply: `Saved to ${path}.` };
      },
    },
  ],
  [
    'load',
    {
      usage: '/load FILE',
      describe: 'go on with a saved conversation',
      run: async (session, path) => {
        if (path === '') return { reply: 'Expected /load FILE' };
        session.messages = await loadTranscript(path);
        return { reply: `${session.messages.length} messages.` };
      },
    },
  ],
  [
    'stats',
    {
      usage: '/stats',
      describe: 'where the time of the last answer went, and why the guard decided so',
      run: ({ lastStats }) => ({
        reply: lastStats === undefined ? 'Nothing was answered yet.' : statsLines(lastStats).join('\n'),
      }),
    },
  ],
  ['exit', { usage: '/exit', describe: 'leave; so does ctrl-d', run: () => ({ isExit: true }) }],
]);

function help(): string {
  const width = Math.max(...[...commands.values()].map(({ usage }) => usage.length));
  return [...commands.values()]
    .map(({ usage, describe }) => `${usage.padEnd(width)}  ${describe}`)
    .join('\n');
}

/** Runs `line` when it is a command; undefined when it is a question. Failures become replies. */
export async function runCommand(session: ChatSession, line: string): Promise<CommandOutcome | undefined> {
  const match = /^\/(\S*)\s*([^]*)$/.exec(line);
  if (match === null) return undefined;
  const [, name, argument] = match;
  const command = commands.get(name!);
  if (command === undefined) return { reply: `Unknown command /${name}. /help lists the known ones.` };
  try {
    return await command.run(session, argument!.trim());
  } catch (error) {
    return { reply: error instanceof Error ? error.message : String(error) };
  }
}
