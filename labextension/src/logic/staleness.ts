/**
 * How the cells of a notebook stand to the state that the session is in.
 *
 * After a checkout the outputs below the cells stay where they are. Those whose run does not lead to the live state any
 * more are stale: what they show is not how the variables are now.
 */
import { IState } from './contract';
import { HistoryModel } from './model';

/** What is known of a cell from the notebook. */
export interface ICellSeen {
  id: string;
  /** Its execution count, or null when it never ran. */
  count: number | null;
  source: string;
}

export type Standing = 'here' | 'current' | 'stale' | 'unknown';

/** The first line of code that says something, as the kernel tells it of a state. */
export function firstLine(source: string): string {
  for (const line of source.split('\n')) {
    if (line.trim()) {
      return line.trim();
    }
  }
  return '';
}

/** Runs of the cell with that count, newest first: counts begin anew with each kernel, so there may be several. */
export function runsOf(model: HistoryModel, count: number | null): IState[] {
  if (count === null) {
    return [];
  }
  return model.states.filter(state => state.count === count && (state.kind === 'run' || state.kind === 'commit'));
}

/** The last run that leads to the live state: the cell that the session is at. */
export function lastRun(model: HistoryModel): IState | undefined {
  let state = model.state(model.head);
  while (state !== undefined && state.kind !== 'run') {
    state = model.state(state.parents[0] ?? null);
  }
  return state;
}

/** How each of *cells* stands. */
export function standings(model: HistoryModel, cells: ICellSeen[]): Map<string, Standing> {
  const line = model.lineOf(model.head);
  const last = lastRun(model);
  const byCount = new Map<number, IState[]>();
  for (const state of model.states) {
    if (state.count !== null && state.kind === 'run') {
      const there = byCount.get(state.count);
      if (there) {
        there.push(state);
      } else {
        byCount.set(state.count, [state]);
      }
    }
  }
  const found = new Map<string, Standing>();
  for (const cell of cells) {
    const runs = cell.count === null ? [] : byCount.get(cell.count) ?? [];
    if (!runs.length) {
      found.set(cell.id, 'unknown');
    } else if (runs.some(run => run === last)) {
      found.set(cell.id, 'here');
    } else {
      found.set(cell.id, runs.some(run => line.has(run.id)) ? 'current' : 'stale');
    }
  }
  return found;
}
