// Pages and pictures that a command writes beside what it prints.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { ResultsFileError } from '../errors.js';
import { writeWholeFile } from '../model/whole-file.js';

/**
 * Writes a report whole or not at all; a folder that is missing is made.
 * @throws {ResultsFileError} naming the file
 */
export function writeReportFile(path: string, content: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeWholeFile(path, content);
  } catch (error) {
    throw new ResultsFileError(`Cannot write the report ${path}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}
