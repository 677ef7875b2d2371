import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addDocuments } from '../../src/cli/indexed-files.js';
import { demoModel } from '../../src/cli/models.js';
import { datastorePath, openDatastore } from '../../src/draft/datastore.js';
import { DisposedError } from '../../src/errors.js';
import { loadModel } from '../../src/model/load-model.js';
import { loadVocabulary } from '../../src/model/load-vocabulary.js';
import { tokenizerFingerprint, type Vocabulary } from '../../src/model/vocabulary.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { searchDatastore } from '../helpers/datastores.js';
import { runMain } from './run-main.js';

let folder: string;
let vocabulary: Vocabulary & Disposable;
let fingerprint: string;
const file = (name: string): string => join(folder, name);
const index = (...args: string[]) => runMain(['index', '--target', file('target.gguf'), ...args]);

interface Printed {
  readonly path: string;
  readonly documents: number;
  readonly tokens: number;
  readonly chunks: number;
  readonly bytes: number;
  readonly seconds: number;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-index-'));
  writeTinyModel(file('target.gguf'));
  vocabulary = await loadVocabulary(file('target.gguf'));
  fingerprint = tokenizerFingerprint(vocabulary);
  writeFileSync(file('text.txt'), 'a bada gada\nbada kala');
});
afterAll(() => {
  vocabulary[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

describe('outrider index', () => {
  it('builds a datastore that goes on as the text does', async () => {
    const { stdout, stderr, status } = await index(file('text.txt'), '--out', file('a.datastore'), '--json');
    expect(status).toBe(0);
    expect(stderr).toContain('100 %');
    const printed = JSON.parse(stdout) as Printed;
    const tokens = vocabulary.tokenizer.encode('a bada gada\nbada kala', { addSpecial: false });
    expect(printed).toMatchObject({
      path: file('a.datastore'),
      documents: 1,
      tokens: tokens.length,
      chunks: 1,
    });
    expect(printed.bytes).toBeGreaterThan(0);
    expect(printed.seconds).toBeGreaterThan(0);
    const store = openDatastore(printed.path, fingerprint);
    const { continuations } = searchDatastore(store, Array.from(tokens.subarray(0, 4)), 16, 3);
    expect(continuations).toContain(tokens.subarray(4, 7).join());
    store.close();
  });

  it('extends one, by answers with text or with tokens, and prints where it is', async () => {
    await index(file('text.txt'), '--out', file('b.datastore'));
    const own = Array.from(vocabulary.tokenizer.encode('kala bada', { addSpecial: false })).reverse();
    const text = vocabulary.tokenizer.decode(own);
    const lines = [
      { text: 'gada' },
      { tokens: [5, 6, 7] },
      { text, tokens: own, stats: {} },
      { text, tokens: [9, 9] },
    ];
    writeFileSync(file('answers.jsonl'), `${lines.map((line) => JSON.stringify(line)).join('\n\n')}\n`);
    const args = [file('answers.jsonl'), '--out', file('b.datastore'), '--append'];
    const { stdout, stderr, status } = await index(...args);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${file('b.datastore')}\n` });
    expect(stderr).toContain('5 documents');
    const store = openDatastore(file('b.datastore'), fingerprint);
    expect(searchDatastore(store, [5, 6], 16, 3)).toEqual({ length: 2, continuations: ['7'] });
    expect(searchDatastore(store, own.slice(0, 2), 16, 1).continuations).toContain(String(own[2]));
    expect(searchDatastore(store, [9], 16, 3).length).toBe(0);
    store.close();
  });

  it('puts it into the cache folder, one for each tokenizer', async () => {
    const { stdout } = await index(file('text.txt'));
    expect(stdout).toBe(`${datastorePath(fingerprint)}\n`);
    writeTinyModel(file('same.gguf'), { seed: 9, layers: 1 });
    writeTinyModel(file('other.gguf'), { vocabSize: 330 });
    expect((await runMain(['index', file('text.txt'), '--target', file('same.gguf')])).stdout).toBe(stdout);
    const other = (await runMain(['index', file('text.txt'), '--target', file('other.gguf')])).stdout;
    expect(dirname(other)).toBe(dirname(stdout));
    expect(other).not.toBe(stdout);
    const args = ['index', file('text.txt'), '--append', '--out', stdout.trim()];
    const refused = await runMain([...args, '--target', file('other.gguf')]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('is of another tokenizer');
  });

  it.each([
    ['no JSON', '{"text": "a"}\n{"text"', 2],
    ['neither text nor tokens', '{"text": "a"}\n\n{"answer": "a"}', 3],
    ['a token that does not exist', '{"tokens": [1, 320]}', 1],
    ['a token that is none', '{"tokens": [1.5]}', 1],
    ['a text that is none', '{"text": 7}', 1],
  ])('names the line of answers that has %s, and writes nothing', async (_name, content, line) => {
    writeFileSync(file('broken.jsonl'), content);
    const { stdout, stderr, status } = await index(file('broken.jsonl'), '--out', file('broken.datastore'));
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 });
    expect(stderr).toContain(`${file('broken.jsonl')}, line ${line}`);
    expect(readdirSync(folder).filter((name) => name.startsWith('broken.datastore'))).toEqual([]);
  });

  it('refuses what is no text by name, and writes nothing', async () => {
    mkdirSync(file('folder'));
    writeFileSync(file('empty.txt'), '');
    writeFileSync(file('late.txt'), Buffer.concat([Buffer.alloc(20_000, 'a'), Buffer.of(0)]));
    writeFileSync(file('latin.txt'), Buffer.from('caf\xe9 au lait', 'latin1'));
    writeFileSync(file('blank.jsonl'), '\n\n');
    const outcomes = [];
    for (const name of [
      'folder',
      'empty.txt',
      'target.gguf',
      'late.txt',
      'latin.txt',
      'missing.txt',
      'blank.jsonl',
    ]) {
      const { stdout, stderr, status } = await index(
        file('text.txt'),
        file(name),
        '--out',
        file('no.datastore'),
      );
      expect(stdout).toBe('');
      expect(stderr).toContain(file(name));
      outcomes.push([name, status]);
    }
    expect(Object.fromEntries(outcomes)).toEqual({
      folder: 2,
      'empty.txt': 2,
      'target.gguf': 2,
      'late.txt': 2,
      'latin.txt': 2,
      'missing.txt': 1,
      'blank.jsonl': 2,
    });
    expect(existsSync(file('no.datastore'))).toBe(false);
  });

  it.skipIf(process.getuid?.() === 0)('names a file that may not be read', async () => {
    writeFileSync(file('locked.txt'), 'a');
    chmodSync(file('locked.txt'), 0);
    const { stderr, status } = await index(file('locked.txt'), '--out', file('no.datastore'));
    expect(status).toBe(1);
    expect(stderr).toContain('locked.txt could not be read');
  });

  it('refuses misuse with status 2, and never writes over another file', async () => {
    expect((await index()).status).toBe(2);
    expect((await index(file('text.txt'), '--out', file('a'), '--out', file('b'))).status).toBe(2);
    const over = await index(file('text.txt'), '--out', file('text.txt'));
    expect(over.status).toBe(1);
    expect(over.stderr).toContain('is not a datastore');
    const missing = await runMain(['index', file('text.txt'), '--target', file('missing.gguf')]);
    expect(missing.status).toBe(1);
  });
});

/** What a file is cut into. */
async function documentsOf(name: string, content: string, chosen: Vocabulary): Promise<number[][]> {
  const documents: number[][] = [[]];
  const sink = {
    add: (tokens: ArrayLike<number>) => {
      for (const token of Array.from(tokens)) documents.at(-1)!.push(token);
    },
    endDocument: () => void documents.push([]),
  };
  const bytes = Buffer.from(content);
  async function* parts() {
    for (let start = 0; start < bytes.length; start += 9973) yield bytes.subarray(start, start + 9973);
  }
  await addDocuments({ name, bytes: parts() }, chosen, sink);
  return documents.slice(0, -1);
}

/** Many words, some of them of more than one byte a letter, with blanks of all kinds between. */
function longText(numWords: number, breaks: readonly string[]): string {
  const random = new SeededRandom(5, 'text');
  const pick = <T>(values: readonly T[]): T => values[Math.floor(values.length * random.uniform())]!;
  const words = ['bada', 'gada', 'The', 'fox', 'é', '漢字', '😀', 'x=1;', '...', "don't", '42'];
  return Array.from({ length: numWords }, () => pick(words) + pick(breaks)).join('');
}

describe('a long text', () => {
  const breaks = {
    'lines and blanks': [' ', ' ', '\n', '\n\n', '\n  ', '  ', ', '],
    'one line': [' ', ' ', ', '],
  };
  it.each(Object.entries(breaks))('of %s is tokenized in pieces as at once', async (_name, between) => {
    const text = longText(25_000, between);
    using demo = await loadVocabulary(demoModel('target'));
    for (const chosen of [vocabulary, demo]) {
      const whole = Array.from(chosen.tokenizer.encode(text, { addSpecial: false }));
      expect(await documentsOf('text.txt', text, chosen)).toEqual([whole]);
      expect(await documentsOf('answers.jsonl', JSON.stringify({ text }), chosen)).toEqual([whole]);
    }
  });

  it('is not cut within a run of blanks, which some tokenizers take as one', async () => {
    const ids = new Map<string, number>();
    const idOf = (run: string): number => {
      if (!ids.has(run)) ids.set(run, ids.size);
      return ids.get(run)!;
    };
    const encode = (text: string): Int32Array =>
      Int32Array.from(Array.from(text.matchAll(/\s+|\S+/g), ([run]) => idOf(run)));
    const runs = { tokenizer: { encode }, info: { vocabSize: 1000 } } as never;
    const text = longText(60_000, breaks['lines and blanks']);
    expect(await documentsOf('text.txt', text, runs)).toEqual([Array.from(encode(text))]);
  });

  it('without any blank loses no character', async () => {
    const text = '😀é'.repeat(40_000);
    const [tokens] = await documentsOf('text.txt', text, vocabulary);
    expect(vocabulary.tokenizer.decode(tokens!).trim()).toBe(text);
  });
});

describe('a vocabulary', () => {
  it('without its model says what the model says', async () => {
    using model = await loadModel(file('target.gguf'), { gpu: 'off' });
    expect(vocabulary.info.vocabSize).toBe(model.info.vocabSize);
    expect(tokenizerFingerprint(model)).toBe(fingerprint);
    const text = 'a bada gada';
    expect(vocabulary.tokenizer.encode(text)).toEqual(model.tokenizer.encode(text));
  });

  it('is named by the texts of its tokens, without padding at the end', () => {
    const nameOf = (...texts: string[]): string => {
      const bytes = (token: number): Uint8Array => Buffer.from(texts[token]!);
      return tokenizerFingerprint({ tokenizer: { bytes }, info: { vocabSize: texts.length } } as never);
    };
    const names = [
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'c'],
      ['ab', ''],
      ['', 'a', 'b'],
      ['a', '', 'b'],
    ].map((texts) => nameOf(...texts));
    expect(new Set(names).size).toBe(names.length);
    expect(nameOf('a', 'b', '', '')).toBe(nameOf('a', 'b'));
  });

  it('is refused after it was disposed', async () => {
    const own = await loadVocabulary(file('target.gguf'));
    own.dispose();
    own.dispose();
    expect(() => own.tokenizer.encode('a')).toThrow(DisposedError);
  });
});
