import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, probabilityOf } from '../../src/sampling/distribution.js';
import { Purpose, uniform } from '../../src/sampling/random.js';
import { ROOT, TokenTree } from '../../src/tree/token-tree.js';
import type { Verifier, VerifyRequest } from '../../src/verify/verifier.js';
import { distribution, seed, unit } from '../helpers/arbitraries.js';

const vocabSize = 4;
const maxNodes = 5;

/** A random request that fits the verifier: a tree or a chain, with or without draft rows. */
function requests(verifier: Verifier, hasDraftProbs: boolean): fc.Arbitrary<VerifyRequest> {
  return fc
    .record({
      numNodes: fc.nat(maxNodes),
      law: fc.array(distribution(vocabSize), { minLength: 2 * maxNodes + 1, maxLength: 2 * maxNodes + 1 }),
      seed,
    })
    .map(({ numNodes, law, seed }) => {
      const at = (purpose: Purpose, index: number) => uniform(seed, purpose, index);
      const draftLaws = law.slice(0, numNodes);
      const tokens = draftLaws.map((row, node) => sample(row, at(Purpose.draft, node)));
      const parents = tokens.map((_, node) =>
        verifier.chainsOnly ? node - 1 : Math.floor(at(Purpose.draft, 100 + node) * (node + 1)) - 1,
      );
      const tree = new TokenTree(tokens, parents);
      return {
        tree,
        draftProbs: hasDraftProbs ? new ArrayRows(draftLaws) : undefined,
        targetProbs: new ArrayRows(law.slice(maxNodes, maxNodes + numNodes + 1)),
        uniforms: {
          accept: Float64Array.from({ length: numNodes }, (_, node) => at(Purpose.accept, node)),
          sample: Float64Array.from({ length: tree.maxDepth + 1 }, (_, depth) => at(Purpose.target, depth)),
        },
      };
    });
}

/** What every acceptance rule promises; `create` makes the rule under test. */
export function describeVerifierContract(name: string, create: () => Verifier): void {
  describe(`${name}, as a verifier`, () => {
    const verifier = create();
    const everyRequest = fc.boolean().chain((hasDraftProbs) => requests(verifier, hasDraftProbs));
    const check = (predicate: (request: VerifyRequest) => void) =>
      fc.assert(fc.property(everyRequest, predicate), { numRuns: 300 });

    it('samples a bonus token from the target when nothing was drafted', () => {
      fc.assert(
        fc.property(distribution(vocabSize), unit, (target, value) => {
          const verdict = verifier.verify({
            tree: TokenTree.chain([]),
            targetProbs: new ArrayRows([target]),
            uniforms: { accept: new Float64Array(), sample: Float64Array.of(value) },
          });
          expect(verdict).toMatchObject({
            acceptedNodes: [],
            nextToken: sample(target, value),
            nextTokenKind: 'bonus',
          });
        }),
      );
    });

    it('accepts a path that starts below the root and follows parents', () => {
      check((request) => {
        const { acceptedNodes } = verifier.verify(request);
        const parents = acceptedNodes.map((node) => request.tree.parents[node]);
        expect(parents).toEqual([ROOT, ...acceptedNodes].slice(0, acceptedNodes.length));
      });
    });

    it('calls the next token a bonus exactly when the accepted path ends at a leaf', () => {
      check((request) => {
        const { acceptedNodes, nextTokenKind } = verifier.verify(request);
        const isLeaf = request.tree.children(acceptedNodes.at(-1) ?? ROOT).length === 0;
        expect(nextTokenKind).toBe(isLeaf ? 'bonus' : 'recovered');
      });
    });

    it.runIf(verifier.lossless)('never emits a token outside the support of the target', () => {
      check((request) => {
        const { acceptedNodes, nextToken } = verifier.verify(request);
        const rows = [ROOT, ...acceptedNodes].map((node) => request.targetProbs.row(node + 1));
        const tokens = [...acceptedNodes.map((node) => request.tree.tokens[node]!), nextToken];
        tokens.forEach((token, depth) => expect(probabilityOf(rows[depth]!, token)).toBeGreaterThan(0));
      });
    });

    it('gives the same verdict for the same uniforms', () => {
      check((request) => {
        expect(create().verify(request)).toEqual(verifier.verify(request));
      });
    });

    it('leaves its uniforms as they were', () => {
      check((request) => {
        const before = structuredClone(request.uniforms);
        verifier.verify(request);
        expect(request.uniforms).toEqual(before);
      });
    });

    it('treats a missing draft row as one-hot', () => {
      fc.assert(
        fc.property(requests(verifier, false), (request) => {
          const rows = Array.from(request.tree.tokens, (token) => ({
            ids: Int32Array.of(token),
            probs: Float64Array.of(1),
          }));
          const explicit = { ...request, draftProbs: new ArrayRows(rows) };
          expect(verifier.verify(request)).toEqual(verifier.verify(explicit));
        }),
      );
    });

    describeShapes(verifier);
  });
}

function describeShapes(verifier: Verifier): void {
  const row = { ids: Int32Array.of(0, 1), probs: Float64Array.of(0.5, 0.5) };
  const fitting: VerifyRequest = {
    tree: TokenTree.chain([0, 1]),
    draftProbs: new ArrayRows([row, row]),
    targetProbs: new ArrayRows([row, row, row]),
    uniforms: { accept: new Float64Array(2), sample: new Float64Array(3) },
  };

  it('takes rows and uniforms that fit the tree', () => {
    expect(() => verifier.verify(fitting)).not.toThrow();
  });

  it('looks at no rows behind those of the tree', () => {
    const other = { ids: Int32Array.of(5), probs: Float64Array.of(1) };
    const targetProbs = new ArrayRows([row, row, row, other, other]);
    expect(verifier.verify({ ...fitting, targetProbs })).toEqual(verifier.verify(fitting));
  });

  it.each<[string, Partial<VerifyRequest>]>([
    ['target rows', { targetProbs: new ArrayRows([row, row]) }],
    ['draft rows', { draftProbs: new ArrayRows([row]) }],
    ['accept uniforms', { uniforms: { accept: new Float64Array(1), sample: new Float64Array(3) } }],
    ['sample uniforms', { uniforms: { accept: new Float64Array(2), sample: new Float64Array(2) } }],
  ])('refuses a wrong number of %s with a ShapeError that names them', (what, change) => {
    const verify = () => verifier.verify({ ...fitting, ...change });
    expect(verify).toThrow(ShapeError);
    expect(verify).toThrow(what);
  });

  it.runIf(verifier.chainsOnly)('refuses a branching tree with a ShapeError', () => {
    const branching: VerifyRequest = {
      ...fitting,
      tree: new TokenTree([0, 1], [ROOT, ROOT]),
      uniforms: { accept: new Float64Array(2), sample: new Float64Array(2) },
    };
    expect(() => verifier.verify(branching)).toThrow(ShapeError);
  });
}
