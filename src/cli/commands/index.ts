import { existsSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { datastorePath } from '../../draft/datastore.js';
import { datastoreLock, writeDatastore } from '../../draft/datastore-writer.js';
import { resolveModel } from '../../model/hub.js';
import { loadVocabulary } from '../../model/load-vocabulary.js';
import { tokenizerFingerprint } from '../../model/vocabulary.js';
import { addDocuments, checkFiles, fileBytes } from '../indexed-files.js';
import { demoModel } from '../models.js';
import { UsageError } from '../option-values.js';
import { byteProgress } from '../progress.js';

interface IndexArguments {
  files: readonly string[];
  target: string | undefined;
  out: string | undefined;
  append: boolean;
  json: boolean;
}

/** `outrider index <files..>`: a datastore for the retrieval drafter. */
export const indexCommand: CommandModule<object, IndexArguments> = {
  command: 'index <files..>',
  describe: 'A datastore for the retrieval drafter, from texts and earlier answers',
  builder: (parser) =>
    parser
      .positional('files', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Texts, and answers as JSON lines (.jsonl) with "text" or "tokens"',
      })
      .options({
        target: {
          type: 'string',
          requiresArg: true,
          describe: 'Model whose tokenizer is used; default the demo target',
        },
        out: {
          type: 'string',
          requiresArg: true,
          describe: 'File to write; default one for each tokenizer in the cache folder',
        },
        append: { type: 'boolean', default: false, describe: 'Extend what is there instead of replacing it' },
        json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
      })
      .example('$0 index notes.txt answers.jsonl --target model.gguf --append', '') as never,
  handler: async (args) => {
    if (args.files.length === 0) throw new UsageError('Expected FILES to index');
    const totalBytes = await checkFiles(args.files);
    const startedAt = performance.now();
    const summary = await indexFiles(args, totalBytes);
    const seconds = (performance.now() - startedAt) / 1000;
    if (args.json) console.log(JSON.stringify({ ...summary, seconds }));
    else {
      const { path, documents, tokens, bytes } = summary;
      console.error(
        `${documents} documents, ${tokens} tokens, ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`,
      );
      console.log(path);
    }
  },
};

async function indexFiles(args: IndexArguments, totalBytes: number) {
  const download = byteProgress();
  const model = await resolveModel(args.target ?? defaultTarget(), { onProgress: download.show }).finally(
    download.end,
  );
  using vocabulary = await loadVocabulary(model);
  const fingerprint = tokenizerFingerprint(vocabulary);
  const path = args.out ?? datastorePath(fingerprint);
  if (existsSync(datastoreLock(path))) console.error(`Waiting for another process that writes ${path}`);
  const progress = byteProgress();
  try {
    return await writeDatastore(path, { fingerprint, append: args.append }, async (writer) => {
      let bytes = 0;
      for (const file of args.files) {
        const read = fileBytes(file, (count) => progress.show({ bytes: (bytes += count), totalBytes }));
        await addDocuments({ name: file, bytes: read }, vocabulary, writer);
      }
    });
  } finally {
    progress.end();
  }
}

function defaultTarget(): string {
  if (existsSync(demoModel('target'))) return demoModel('target');
  throw new UsageError('Expected --target T.gguf: this installation has no demo models');
}
