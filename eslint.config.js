import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

// Folders of src from the bottom up; folders of one rank never import each other.
const ranks = [
  ['errors.ts', 'types.ts'],
  ['sampling', 'metrics'],
  ['tree', 'gguf', 'sparse', 'cost'],
  ['theory'],
  ['bindings'],
  ['model'],
  ['draft', 'verify'],
  ['engine'],
  ['chat'],
  ['eval'],
  ['bench'],
  ['cli'],
  ['index.ts'],
];
const path = (folder) => `./src/${folder}`;

const above = ranks
  .flatMap((rank, index) =>
    rank.map((target) => ({
      target: path(target),
      from: [...ranks.slice(index + 1).flat(), ...rank.filter((peer) => peer !== target)].map(path),
      message: 'Imports point down only: see the layout map in README.md.',
    })),
  )
  .filter((zone) => zone.from.length > 0);

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'native/llama.cpp', 'native/build'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.js', '**/*.mjs'],
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Use named exports.' },
        { selector: 'ExportAllDeclaration', message: 'Re-export by name.' },
      ],
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            ...above,
            {
              target: './src/verify',
              from: ['./src/model', './src/bindings', './src/metrics'],
              message: 'Verifiers run with no addon built.',
            },
            {
              target: './src/theory',
              from: ['./src/metrics', './src/gguf', './src/sparse', './src/cost'],
              message: 'Theory knows distributions and trees only.',
            },
            {
              target: './src/draft',
              from: ['./src/bindings'],
              message: 'Only src/model imports the bindings.',
            },
            {
              target: ['./src/engine', './src/chat', './src/eval', './src/bench', './src/cli'],
              from: ['./src/bindings'],
              message: 'Only src/model imports the bindings.',
            },
          ],
        },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  { files: ['*.config.*', 'eslint.config.js'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['test/**'], rules: { 'max-lines-per-function': 'off' } },
  { files: ['src/cli/**', 'native/*.mjs'], rules: { 'no-console': 'off' } },
);
