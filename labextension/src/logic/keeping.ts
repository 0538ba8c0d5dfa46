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
