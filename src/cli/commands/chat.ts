import type { CommandModule } from 'yargs';

/** placeholder until the session lands */
export const chatCommand: CommandModule = { command: 'chat', describe: 'Chat', handler: () => undefined };
