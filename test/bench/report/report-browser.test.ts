// The pages in a real browser, where there is one.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { htmlReport } from '../../../src/bench/report/report-html.js';
import { manyResults } from '../../helpers/bench-results.js';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const browser = (process.env['PATH'] ?? '')
  .split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find((path) => existsSync(path));
const folder = mkdtempSync(join(tmpdir(), 'outrider-browser-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The page as the browser has it, and what it has to say of it. */
function open(page: string): { readonly dom: string; readonly messages: readonly string[] } {
  const path = join(folder, 'page.html');
  writeFileSync(path, page);
  const args = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${join(folder, 'profile')}`];
  const { stdout, stderr } = spawnSync(
    browser!,
    [...args, '--enable-logging=stderr', '--dump-dom', `file://${path}`],
    { encoding: 'utf8', timeout: 60_000 },
  );
  return { dom: stdout, messages: stderr.split('\n').filter((line) => /CONSOLE/.test(line)) };
}

describe.skipIf(browser === undefined)('a report in a browser', () => {
  it('opens without a word in the console, and shows its pictures', async () => {
    const page = await htmlReport(manyResults());
    const { dom, messages } = open(page);
    expect(messages).toEqual([]);
    expect(dom.match(/<svg/g)!.length).toBeGreaterThan(4);
    // The console is heard: the page allows no script.
    expect(open(page.replace('</body>', '<script>1</script></body>')).messages.join()).toContain('script');
  }, 120_000);
});
