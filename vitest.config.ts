import { defineConfig } from 'vitest/config';

const isDeep = process.env['OUTRIDER_DEEP'] === '1';

export default defineConfig({
  test: {
    include: isDeep ? ['test/**/*.deep.ts'] : ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/own-cache.ts'],
    testTimeout: isDeep ? 10_800_000 : 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
