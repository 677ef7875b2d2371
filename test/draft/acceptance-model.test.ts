import { mean } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { AcceptanceModel, acceptanceKnots } from '../../src/draft/acceptance-model.js';
import { SeededRandom } from '../fixtures/seeded-random.js';

const numKnots = acceptanceKnots.length;
const rateAt = (model: AcceptanceModel, rank: number, knot: number): number =>
  model.rates()[rank * numKnots + knot]!;

/** Learns from tries whose acceptance is `law` of rank and draft probability. */
function learn(
  law: (rank: number, probability: number) => number,
  numTries: number,
  seed = 1,
): AcceptanceModel {
  const model = new AcceptanceModel();
  const random = new SeededRandom(seed, 'acceptance');
  for (let index = 0; index < numTries; index++) {
    const rank = index % 3;
    const probability = random.uniform();
    model.observe(rank, probability, random.uniform() < law(rank, probability));
  }
  return model;
}

describe('the acceptance of siblings', () => {
  it('starts at a prior that rises with the draft probability and falls with the rank', () => {
    const rates = Array.from(new AcceptanceModel().rates());
    for (let rank = 0; rank < 3; rank++) {
      const row = rates.slice(rank * numKnots, (rank + 1) * numKnots);
      expect([...row].sort((one, other) => one - other)).toEqual(row);
      if (rank > 0) expect(row[0]).toBeLessThan(rates[(rank - 1) * numKnots]!);
    }
    expect(Math.min(...rates)).toBeGreaterThan(0);
    expect(Math.max(...rates)).toBeLessThan(1);
  });

  it('is what was seen, on average over texts', () => {
    const law = (rank: number, probability: number) => (0.3 + 0.6 * probability) / (rank + 1);
    const models = Array.from({ length: 60 }, (_, seed) => learn(law, 2000, seed));
    const meanAt = (rank: number, knot: number): number =>
      mean(models.map((model) => rateAt(model, rank, knot)));
    // What is assumed before anything was seen counts for a fifth at most.
    for (const rank of [0, 1, 2])
      for (const knot of [3, 5, 7, 9])
        expect(Math.abs(meanAt(rank, knot) - law(rank, acceptanceKnots[knot]!))).toBeLessThan(0.1);
  });

  it('tells apart how sure cold drafts were', () => {
    const model = new AcceptanceModel(undefined, 0.25);
    // What a model that was sure to 0.6, 0.8 and 0.97 says at a quarter of the temperature.
    const cold = [0.6, 0.8, 0.97].map((sure) => sure ** 4 / (sure ** 4 + (1 - sure) ** 4));
    expect(Math.min(...cold)).toBeGreaterThan(0.8);
    for (let turn = 0; turn < 400; turn++) {
      model.observe(0, cold[0]!, turn % 10 < 3);
      model.observe(0, cold[1]!, turn % 10 < 6);
      model.observe(0, cold[2]!, turn % 10 < 9);
    }
    // The knots on either side of each.
    const near = cold.map((probability) => {
      const high = model.knots.findIndex((knot) => knot >= probability);
      return [high - 1, high].map((knot) => rateAt(model, 0, knot));
    });
    for (const [index, wanted] of [0.3, 0.6, 0.9].entries())
      for (const rate of near[index]!) expect(Math.abs(rate - wanted)).toBeLessThan(0.2);
    expect([...model.knots].sort((one, other) => one - other)).toEqual([...model.knots]);
    expect(new Set(model.knots).size).toBe(numKnots);
    expect(Array.from(new AcceptanceModel().knots)).toEqual(acceptanceKnots);
  });

  it('counts fourth and later siblings as third ones', () => {
    const [one, other] = [new AcceptanceModel(), new AcceptanceModel()];
    one.observe(2, 0.3, true);
    other.observe(9, 0.3, true);
    expect(other.rates()).toEqual(one.rates());
    expect(one.rates()).not.toEqual(new AcceptanceModel().rates());
  });

  it('follows a change of subject within some tries where drafts are unsure, and later where they are sure', () => {
    const models = Array.from({ length: 20 }, (_, seed) => learn(() => 0.95, 20_000, seed));
    const after = (probability: number, numTries: number, knot: number): number => {
      for (const model of models)
        for (let index = 0; index < numTries; index++) model.observe(0, probability, index % 10 === 0);
      return mean(models.map((model) => rateAt(model, 0, knot)));
    };
    expect(after(acceptanceKnots[3]!, 20, 3)).toBeLessThan(0.5);
    expect(after(1, 20, numKnots - 1)).toBeGreaterThan(0.85);
    expect(after(1, 600, numKnots - 1)).toBeLessThan(0.25);
  });

  it('gives the chance of each place to be the accepted one', () => {
    const places = learn((rank) => [0.5, 0.5, 0.25][rank]!, 30_000).positional(4);
    [0.5, 0.25, 0.0625, 0.046875].forEach((wanted, rank) => expect(places[rank]).toBeCloseTo(wanted, 1));
    expect(places.reduce((sum, place) => sum + place, 0)).toBeLessThan(1);
  });

  it('goes on from what was kept, and from the prior where that is damaged', () => {
    const model = learn(() => 0.5, 20_000);
    const kept = JSON.parse(JSON.stringify(model)) as ReturnType<AcceptanceModel['toJSON']>;
    expect(new AcceptanceModel(kept).positional(3)).toEqual(model.positional(3));
    for (const knot of [3, 6, 10])
      expect(Math.abs(rateAt(new AcceptanceModel(kept), 0, knot) - 0.5)).toBeLessThan(0.12);
    expect(new AcceptanceModel({ tried: [1], accepted: [1] }).rates()).toEqual(new AcceptanceModel().rates());
  });
});
