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

/** `near`: its run is the last one on the way to the live state, but names have changed since, without a run. */
export type Standing = 'here' | 'near' | 'current' | 'stale' | 'unknown';

/** So much of a first line is told of a state. */
const LINE = 200;

/** The first line of code that says something, as the kernel tells it of a state. */
export function firstLine(source: string): string {
  for (const line of source.split('\n')) {
    if (line.trim()) {
      return line.trim();
    }
  }
  return '';
}

/**
 * Those of *runs* that are of the cell with that source.
 *
 * Counts begin anew with each kernel: of several runs with the same count, those whose first line the cell still has. A
 * cell that was edited since may be any of them.
 */
function ofCell(runs: IState[], source: string): IState[] {
  if (runs.length < 2) {
    return runs;
  }
  const first = firstLine(source).slice(0, LINE);
  const same = runs.filter(run => (run.first ?? '') === first);
  return same.length ? same : runs;
}

/** Runs of the cell with that count and that source, newest first. */
export function runsOf(model: HistoryModel, count: number | null, source: string): IState[] {
  if (count === null) {
    return [];
  }
  const runs = model.states.filter(state => state.count === count && (state.kind === 'run' || state.kind === 'commit'));
  return ofCell(runs, source);
}

/** The last run that leads to the live state: the cell that the session is at. */
export function lastRun(model: HistoryModel): IState | undefined {
  let state = model.state(model.head);
  while (state !== undefined && state.kind !== 'run') {
    state = model.state(state.parents[0] ?? null);
  }
  return state;
}

/** Whether a name has changed since *run*, on the way to the live state. */
function changedSince(model: HistoryModel, run: IState | undefined): boolean {
  let state = model.state(model.head);
  while (state !== undefined && state !== run) {
    if (state.created.length + state.changed.length + state.deleted.length) {
      return true;
    }
    state = model.state(state.parents[0] ?? null);
  }
  return false;
}

/** How each of *cells* stands. */
export function standings(model: HistoryModel, cells: ICellSeen[]): Map<string, Standing> {
  const line = model.lineOf(model.head);
  const last = lastRun(model);
  const here = changedSince(model, last) ? 'near' : 'here';
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
    const runs = cell.count === null ? [] : ofCell(byCount.get(cell.count) ?? [], cell.source);
    if (!runs.length) {
      found.set(cell.id, 'unknown');
    } else if (runs.some(run => run === last)) {
      found.set(cell.id, here);
    } else {
      found.set(cell.id, runs.some(run => line.has(run.id)) ? 'current' : 'stale');
    }
  }
  return found;
}
