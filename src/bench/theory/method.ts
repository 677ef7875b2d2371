// A way to speculate as the command line writes it. Knows nothing of models.
import type { EngineOptions } from '../../engine/options.js';

/** A shape and a rule. */
export interface Method {
  /** As it was written. */
  readonly name: string;
  readonly tree: string;
  readonly verifier: string;
  /** Of `pareto`. */
  readonly epsilon: number | undefined;
}

/** What is compared where nothing is asked for. */
export const defaultMethods: readonly string[] = [
  'chain:4+rejection',
  'chain:4+block',
  'chain:4+match',
  'auto:8+traversal',
  'auto:8+recursive',
  'chain:4+pareto:0.1',
];

/**
 * Reads `TREE+RULE`, such as `chain:4+block`; the lossy rule is `pareto:EPSILON`.
 * @throws {TypeError} naming what was expected
 */
export function parseMethod(name: string): Method {
  const [, tree, verifier, epsilon] = /^([a-z0-9:,-]+)\+([a-z-]+)(?::([\d.]+))?$/.exec(name) ?? [];
  if (tree === undefined || verifier === undefined || (epsilon !== undefined) !== (verifier === 'pareto')) {
    throw new TypeError(
      `Expected TREE+RULE, such as chain:4+block or chain:4+pareto:0.1, for method but received ${name}`,
    );
  }
  return { name, tree, verifier, epsilon: epsilon === undefined ? undefined : Number(epsilon) };
}

/** Engine options of a method: nothing decides over its rounds, and nothing is kept. */
export function engineOptionsFor({
  tree,
  verifier,
  epsilon,
}: Method): Pick<
  EngineOptions,
  'tree' | 'verifier' | 'epsilon' | 'guard' | 'measureSpeedup' | 'keepAcceptance'
> {
  return { tree, verifier, epsilon, guard: false, measureSpeedup: false, keepAcceptance: false };
}
