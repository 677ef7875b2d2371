import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeWholeFile } from '../../src/model/whole-file.js';

describe('a file that is whole', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'outrider-whole-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('replaces what was there and leaves nothing beside it', () => {
    const path = join(folder, 'learnt.json');
    writeWholeFile(path, 'old');
    writeWholeFile(path, 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['learnt.json']);
  });

  it('says what the file system says where it cannot be written, and leaves nothing', () => {
    mkdirSync(join(folder, 'taken'));
    expect(() => {
      writeWholeFile(join(folder, 'taken'), 'text');
    }).toThrow(/EISDIR|ENOTEMPTY|EPERM/);
    expect(readdirSync(folder)).toEqual(['taken']);
  });
});
