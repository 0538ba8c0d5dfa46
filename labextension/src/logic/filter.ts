/** Which states of a history are shown. */
import { IState } from './contract';
import { HistoryModel } from './model';

export interface IFilter {
  /** Words that all have to occur in the code, the message, the reference or the names. */
  text: string;
  /** Only states that lead to the tip of this branch. */
  branch: string | null;
  /** Only states that made, changed or deleted this name (blame). */
  name: string | null;
}

export const NO_FILTER: IFilter = { text: '', branch: null, name: null };

/** Whether *filter* lets everything through. */
export function isEmpty(filter: IFilter): boolean {
  return filter.text.trim() === '' && filter.branch === null && filter.name === null;
}

/** Whether *state* made, changed or deleted *name*. */
export function touches(state: IState, name: string): boolean {
  return state.created.includes(name) || state.changed.includes(name) || state.deleted.includes(name);
}

/** What can be found of a state by typing. */
export function searchable(state: IState, refs: string[]): string {
  const count = state.count === null ? '' : `in[${state.count}]`;
  const names = [...state.created, ...state.changed, ...state.deleted];
  const outcome = { ok: '', error: 'failed error', interrupted: 'interrupted' }[state.outcome];
  const said = [count, state.short, state.first ?? '', state.message ?? '', outcome, ...names, ...refs];
  return said.join('\n').toLowerCase();
}

/** The states of *model* that *filter* lets through, newest first. */
export function filtered(model: HistoryModel, filter: IFilter): IState[] {
  if (isEmpty(filter)) {
    return model.states;
  }
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const line = filter.branch === null ? null : model.lineOf(model.branches[filter.branch] ?? null);
  const refs = new Map<string, string[]>();
  for (const names of [model.branches, model.tags]) {
    for (const [name, id] of Object.entries(names)) {
      refs.set(id, [...(refs.get(id) ?? []), name]);
    }
  }
  return model.states.filter(state => {
    if (line !== null && !line.has(state.id)) {
      return false;
    }
    if (filter.name !== null && !touches(state, filter.name)) {
      return false;
    }
    const text = words.length ? searchable(state, refs.get(state.id) ?? []) : '';
    return words.every(word => text.includes(word));
  });
}

/**
 * *states* as nodes of a graph in which what is not shown is left out: the parent of a node is the nearest shown state
 * that leads to it.
 */
export function connected(model: HistoryModel, states: IState[]): { id: string; parents: string[] }[] {
  const shown = new Set(states.map(state => state.id));
  const nearest = new Map<string, string | null>();
  const find = (start: string): string | null => {
    const passed: string[] = [];
    let id: string | undefined = start;
    let found: string | null = null;
    while (id !== undefined) {
      const before = nearest.get(id);
      if (before !== undefined) {
        found = before;
        break;
      }
      if (shown.has(id)) {
        found = id;
        break;
      }
      passed.push(id);
      id = model.state(id)?.parents[0];
    }
    for (const one of passed) {
      nearest.set(one, found);
    }
    return found;
  };
  return states.map(state => ({
    id: state.id,
    parents: [...new Set(state.parents.map(find).filter((id): id is string => id !== null))]
  }));
}

/** Every name that a state of *model* has touched, sorted. */
export function namesOf(model: HistoryModel): string[] {
  const names = new Set<string>();
  for (const state of model.states) {
    for (const name of [...state.created, ...state.changed, ...state.deleted]) {
      names.add(name);
    }
  }
  return [...names].filter(name => !isResult(name)).sort((a, b) => a.localeCompare(b));
}

/** Whether *name* is what IPython keeps of results, and not one that the user has given. */
export function isResult(name: string): boolean {
  return /^(_+|_\d+|Out\[\d+\]|In\[\d+\])$/.test(name);
}

/** *names* with the user's own first; results of cells follow. */
export function ownFirst<T extends { name: string }>(names: T[]): T[] {
  return [...names.filter(one => !isResult(one.name)), ...names.filter(one => isResult(one.name))];
}
