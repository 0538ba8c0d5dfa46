import { IHistory, IState } from '../src/logic/contract';

/** A state with what matters for a test, and plain values for the rest. */
export function state(id: string, parents: string[] = [], more: Partial<IState> = {}): IState {
  return {
    id,
    short: id.slice(0, 8),
    parents,
    kind: 'run',
    count: null,
    first: null,
    lines: 1,
    outcome: 'ok',
    started: 0,
    duration: 0.1,
    bytes: 0,
    branch: 'main',
    message: null,
    created: [],
    changed: [],
    deleted: [],
    about: {},
    inexact: {},
    cells: false,
    ...more
  };
}

/** A history of *states*, newest first, with the session at *head*. */
export function history(states: IState[], head: string | null, more: Partial<IHistory> = {}): IHistory {
  return {
    seq: 1,
    head,
    branch: 'main',
    branches: head === null ? {} : { main: head },
    tags: {},
    states,
    more: false,
    ...more
  };
}

/** A line of states: `chain('a', 'b', 'c')` has c at the top, whose parent is b. */
export function chain(...ids: string[]): IState[] {
  return ids.map((id, index) => state(id, index ? [ids[index - 1]] : [], { count: index + 1 })).reverse();
}
