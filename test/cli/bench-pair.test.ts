import { describe, expect, it } from 'vitest';
import { openPair } from '../../src/cli/bench-pair.js';
import { demoModel } from '../../src/cli/models.js';

const asked = { target: undefined, draft: undefined, drafter: undefined, parameters: 1e6 };

describe('the models of a benchmark', () => {
  it("are the demo experts and the demo draft where the workload is the experts'", async () => {
    const pair = await openPair(asked, ['experts']);
    expect(pair.targetPath).toBe(demoModel('experts'));
    expect(pair.draftPath).toBe(demoModel('draft'));
    await pair.close();
  });

  it('are those that are given, without a draft model where none is', async () => {
    const pair = await openPair({ ...asked, target: demoModel('target') }, ['experts']);
    expect(pair.targetPath).toBe(demoModel('target'));
    expect(pair.draftPath).toBeUndefined();
    await pair.close();
  });
});
