/** Which commit belongs to which cell that has run. */
import { IState } from './contract';
import { HistoryModel } from './model';

/**
 * The commits of the runs with those execution *counts*, as far as they are known, oldest run first.
 *
 * Counts begin anew with each kernel: a commit in *before*, which was there when the kernel's history began, is of another
 * run.
 */
export function matched(model: HistoryModel, counts: number[], before: ReadonlySet<string>): [number, IState][] {
  const runs = new Map<number, IState>();
  if (!counts.length) {
    return [];
  }
  for (const id of model.order) {
    const state = model.state(id)!;
    if (before.has(id)) {
      break;
    }
    if (state.kind === 'run' && state.count !== null && !runs.has(state.count)) {
      runs.set(state.count, state);
    }
  }
  const known = counts.filter(count => runs.has(count)).sort((a, b) => a - b);
  return known.map(count => [count, runs.get(count)!]);
}

/** *after*, with pairs [from, how many] in the place of those that stand in *before*, one behind the other. */
export function pieces<T>(before: readonly T[], after: readonly T[]): (T | [number, number])[] {
  const places = new Map(before.map((one, place) => [one, place]));
  const found: (T | [number, number])[] = [];
  let piece: [number, number] | null = null;
  for (const one of after) {
    const place = places.get(one);
    if (place === undefined) {
      piece = null;
      found.push(one);
    } else if (piece !== null && place === piece[0] + piece[1]) {
      piece[1] += 1;
    } else {
      piece = [place, 1];
      found.push(piece);
    }
  }
  return found;
}
