// Writes small files at once.
import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** Writes a file that is whole or as it was before, whenever the process ends. @throws what the file system says */
export function writeWholeFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
