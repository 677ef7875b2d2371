import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Draft, Drafter, DraftRequest } from '../../src/draft/drafter.js';
import { probabilityOf } from '../../src/sampling/distribution.js';
import { Purpose, uniform } from '../../src/sampling/random.js';
import type { TokenId } from '../../src/types.js';

/** What a drafter is tried on. */
export interface DrafterCase {
  /** A fresh drafter; it proposes up to 4 nodes. */
  readonly create: () => Promise<Drafter> | Drafter;
  /** At least two tokens. */
  readonly prompt: readonly TokenId[];
  /** [2, 2]: what may be output in two rounds that follow each other. */
  readonly outputs: readonly (readonly TokenId[])[];
}

const maxNodes = 4;

function request(tokens: readonly TokenId[], change: Partial<DraftRequest> = {}): DraftRequest {
  return {
    tokens: Int32Array.from(tokens),
    maxNodes,
    sampling: {},
    needsDraftProbs: true,
    uniform: (node) => uniform(7, Purpose.draft, tokens.length, node + 1),
    ...change,
  };
}

/** A draft as plain data; its rows are given back. */
function plain({ tree, draftProbs }: Draft) {
  const rows = Array.from({ length: draftProbs?.numRows ?? 0 }, (_, index) => draftProbs!.row(index));
  draftProbs?.release?.();
  return {
    tokens: Array.from(tree.tokens),
    parents: Array.from(tree.parents),
    hasRows: draftProbs !== undefined,
    rows: rows.map(({ ids, probs }) => ({ ids: Array.from(ids), probs: Array.from(probs) })),
  };
}

/** What every drafter promises. */
export function describeDrafterContract(name: string, { create, prompt, outputs }: DrafterCase): void {
  describe(`${name}, as a drafter`, () => {
    let drafter: Drafter;
    const later = [...prompt, ...outputs.flat()];
    const draft = async (tokens: readonly TokenId[], change?: Partial<DraftRequest>) =>
      plain(await drafter.draft(request(tokens, change)));

    beforeEach(async () => {
      drafter = await create();
      await drafter.begin(prompt);
    });
    afterEach(() => drafter.dispose());

    /** What a drafter says that knows the tokens from the start. */
    async function freshDraft(tokens: readonly TokenId[]) {
      const fresh = await create();
      await fresh.begin(tokens);
      const drafted = plain(await fresh.draft(request(tokens)));
      await fresh.dispose();
      return drafted;
    }

    it.each([0, 1, 2, 3, 4])('proposes no more than %i nodes when asked for so many', async (limit) => {
      expect((await draft(prompt, { maxNodes: limit })).tokens.length).toBeLessThanOrEqual(limit);
    });

    it('never proposes more nodes than its own limit', async () => {
      const { tokens } = await draft(prompt, { maxNodes: 100 });
      expect(tokens.length).toBeLessThanOrEqual(drafter.maxNodes);
    });

    it('proposes a token once among siblings, on no more leaves than its own limit', async () => {
      const { tokens, parents } = await draft(prompt, { maxNodes: 100 });
      if (drafter.siblings !== 'withReplacement')
        expect(new Set(tokens.map((token, node) => `${parents[node]} ${token}`)).size).toBe(tokens.length);
      const leaves = tokens.filter((_, node) => !parents.includes(node));
      expect(leaves.length).toBeLessThanOrEqual(drafter.maxLeaves);
    });

    it('says of every node how sure it is, from 0 to 1, if of any', async () => {
      const { tree, confidences, draftProbs } = await drafter.draft(request(prompt, { maxNodes: 100 }));
      draftProbs?.release?.();
      if (confidences === undefined) return;
      expect(confidences).toHaveLength(tree.numNodes);
      expect(Array.from(confidences).filter((confidence) => !(confidence >= 0 && confidence <= 1))).toEqual(
        [],
      );
    });

    it('hands over one row for each node where the verifier needs them and it has them', async () => {
      const { tokens, rows, hasRows } = await draft(prompt);
      expect(hasRows).toBe(drafter.hasDraftProbs);
      expect(rows).toHaveLength(drafter.hasDraftProbs ? tokens.length : 0);
    });

    it('draws only tokens that their rows hold', async () => {
      const { tokens, rows } = await draft(prompt);
      for (const [node, { ids, probs }] of rows.entries()) {
        const row = { ids: Int32Array.from(ids), probs: Float64Array.from(probs) };
        expect(probabilityOf(row, tokens[node]!)).toBeGreaterThan(0);
      }
    });

    it('repeats itself for equal uniforms', async () => {
      const first = await draft(prompt);
      drafter.rollback(prompt.length);
      expect(await draft(prompt)).toEqual(first);
    });

    it('drafts after two rounds what a fresh drafter drafts', async () => {
      const tokens = [...prompt];
      for (const output of outputs) {
        await draft(tokens);
        drafter.accept(output, []);
        tokens.push(...output);
      }
      expect(await draft(tokens)).toEqual(await freshDraft(later));
    });

    it('drafts after a round that was rolled back what a fresh drafter drafts', async () => {
      await draft(prompt);
      drafter.accept(outputs[0]!, []);
      await draft([...prompt, ...outputs[0]!]);
      drafter.rollback(prompt.length);
      const other = [...prompt, ...outputs[1]!];
      expect(await draft(other)).toEqual(await freshDraft(other));
    });

    it('drafts for a second prompt what a fresh drafter drafts', async () => {
      await draft([...prompt, ...outputs[0]!]);
      const second = [...prompt.slice(0, 1), ...outputs[1]!];
      await drafter.begin(second);
      expect(await draft(second)).toEqual(await freshDraft(second));
    });

    it('rejects with the reason of an aborted signal, and drafts afterwards as before', async () => {
      const expected = await freshDraft(prompt);
      const reason = new Error('enough');
      await expect(draft(prompt, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      drafter.rollback(prompt.length);
      expect(await draft(prompt)).toEqual(expected);
    });
  });
}
