// The enumeration must be able to fail: each rule here is a plausible mistake.
import { describe, expect, it } from 'vitest';
import { sample } from '../../src/sampling/categorical.js';
import { sampleResidual } from '../../src/sampling/residual.js';
import { BlockVerifier } from '../../src/verify/block.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import { draftRow } from '../../src/verify/request.js';
import type { Verdict, VerifyRequest } from '../../src/verify/verifier.js';
import {
  chainProbabilities,
  chainResidual,
  rejectionBreakpoints,
  targetRowsAt,
} from '../helpers/breakpoints.js';
import { enumerateChains } from '../helpers/enumerate-drafts.js';
import { lawError, type Rule } from '../helpers/output-law.js';
import { block, rejection } from '../helpers/rules.js';
import { randomModel } from '../helpers/table-model.js';

interface BrokenRule {
  acceptance(target: number, draft: number): number;
  recover(request: VerifyRequest, depth: number, uniform: number): number;
}

const sound: BrokenRule = {
  acceptance: (target, draft) => target / draft,
  recover: (request, depth, uniform) =>
    sampleResidual(request.targetProbs.row(depth), draftRow(request, depth), 1, uniform),
};

class BrokenVerifier extends RejectionVerifier {
  constructor(readonly rule: BrokenRule) {
    super();
  }

  override verify(request: VerifyRequest): Verdict {
    const { tree, targetProbs, uniforms } = request;
    const acceptedNodes: number[] = [];
    for (let node = 0; node < tree.numNodes; node++) {
      const { target, draft } = chainProbabilities(request, node);
      if (!(uniforms.accept[node]! < this.rule.acceptance(target, draft))) {
        const nextToken = this.rule.recover(request, node, uniforms.sample[node]!);
        return { acceptedNodes, nextToken, nextTokenKind: 'recovered' };
      }
      acceptedNodes.push(node);
    }
    const nextToken = sample(targetProbs.row(tree.numNodes), uniforms.sample[tree.numNodes]!);
    return { acceptedNodes, nextToken, nextTokenKind: 'bonus' };
  }
}

function broken(change: Partial<BrokenRule>): Rule {
  const rule = { ...sound, ...change };
  return {
    verifier: new BrokenVerifier(rule),
    breakpoints: {
      accept(request, node) {
        const { target, draft } = chainProbabilities(request, node);
        return [rule.acceptance(target, draft)];
      },
      laws: (request, depth) => [
        ...targetRowsAt(request, depth),
        ...chainResidual(request, depth, 1),
        ...(depth < request.tree.numNodes ? [draftRow(request, depth)] : []),
      ],
    },
  };
}

const target = randomModel(31, 3);
const drafts = enumerateChains(randomModel(131, 3), 2);

describe('the enumeration', () => {
  it('passes the hand-written rule before it is broken', () => {
    expect(lawError(broken({}), target, drafts)).toBeLessThan(1e-12);
  });

  it.each<[string, Partial<BrokenRule>]>([
    ['accepts with p / q squared', { acceptance: (p, q) => p / q ** 2 }],
    ['accepts everything', { acceptance: () => 1 }],
    ['accepts with p instead of p / q', { acceptance: (p) => p }],
    [
      'recovers from the target instead of the residual',
      { recover: (request, depth, uniform) => sample(request.targetProbs.row(depth), uniform) },
    ],
    [
      'recovers from the draft',
      { recover: (request, depth, uniform) => sample(draftRow(request, depth), uniform) },
    ],
  ])('catches a rule that %s', (_, change) => {
    expect(lawError(broken(change), target, drafts)).toBeGreaterThan(1e-3);
  });

  it('catches block verification that recovers from the unscaled residual', () => {
    class UnscaledBlock extends BlockVerifier {
      override verify(request: VerifyRequest): Verdict {
        const verdict = super.verify(request);
        if (verdict.nextTokenKind === 'bonus') return verdict;
        const depth = verdict.acceptedNodes.length;
        return { ...verdict, nextToken: sound.recover(request, depth, request.uniforms.sample[depth]!) };
      }
    }
    const unscaled: Rule = {
      verifier: new UnscaledBlock(),
      breakpoints: {
        accept: block.breakpoints.accept,
        laws: (request, depth) => [
          ...block.breakpoints.laws(request, depth),
          ...chainResidual(request, depth, 1),
        ],
      },
    };
    expect(lawError(unscaled, target, drafts)).toBeGreaterThan(1e-3);
  });

  it('catches block verification that draws its uniforms from one number', () => {
    class SharedUniform extends BlockVerifier {
      override verify(request: VerifyRequest): Verdict {
        const { accept, sample: samples } = request.uniforms;
        const shared = new Float64Array(accept.length).fill(accept[0]!);
        return super.verify({ ...request, uniforms: { accept: shared, sample: samples } });
      }
    }
    const shared: Rule = {
      verifier: new SharedUniform(),
      breakpoints: {
        accept: (request) =>
          Array.from(request.tree.tokens.keys()).flatMap((node) => block.breakpoints.accept(request, node)),
        laws: block.breakpoints.laws,
      },
    };
    expect(lawError(shared, target, drafts)).toBeGreaterThan(1e-3);
  });

  it('refuses breakpoints that are not those of the code', () => {
    const mistaken: Rule = {
      verifier: rejection.verifier,
      breakpoints: { accept: () => [], laws: rejectionBreakpoints.laws },
    };
    expect(() => lawError(mistaken, target, drafts)).toThrow(/verdict changes with accept/);
  });
});
