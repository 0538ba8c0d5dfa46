/**
 * What the kernel and the front end say to each other, as docs/reference/lab.md describes it.
 *
 * Everything here is data that has crossed a wire: fields may be added by a newer kernel, and none is relied on that the
 * described version does not promise.
 */

/** Versions of the contract that this front end knows. */
export const VERSIONS = [1];

export type Outcome = 'ok' | 'error' | 'interrupted';

/** A commit, compact: one row of the history. */
export interface IState {
  id: string;
  short: string;
  parents: string[];
  kind: string;
  count: number | null;
  first: string | null;
  lines: number;
  outcome: Outcome;
  started: number;
  duration: number | null;
  bytes: number;
  branch: string | null;
  message: string | null;
  created: string[];
  changed: string[];
  deleted: string[];
  about: { [name: string]: string };
  inexact: { [name: string]: string };
  cells: boolean;
}

/** A page of history, newest first. */
export interface IHistory {
  seq: number;
  head: string | null;
  branch: string | null;
  branches: { [name: string]: string };
  tags: { [name: string]: string };
  states: IState[];
  more: boolean;
}

export type EventKind =
  | 'moved'
  | 'recorded'
  | 'recording'
  | 'paused'
  | 'resumed'
  | 'saving'
  | 'closed';

/** What the kernel tells unasked. */
export interface IEvent {
  event: EventKind;
  seq: number;
  head: string | null;
  branch: string | null;
  state?: IState | null;
  store_bytes?: number | null;
  why?: string | null;
  branches?: { [name: string]: string };
  tags?: { [name: string]: string };
}

export interface IHello {
  version: number;
  package: string;
  session: string;
  name: string;
  python: string;
}

/** An error of a verb: what happened, and what helps. */
export interface IFault {
  code: string;
  message: string;
  hint?: string | null;
  exit_status?: number;
}

/** A value as it was. */
export interface IPreview {
  name: string;
  kind?: string | null;
  summary?: string | null;
  text?: string | null;
  png?: string | null;
  note?: string | null;
  columns?: IColumn[] | null;
  rows?: IRow[] | null;
}

export interface IColumn {
  name: string;
  dtype: string;
}

export interface IRow {
  label: string;
  cells: string[];
}

/** What a restore did, or would do. */
export interface ITravel {
  verb: string;
  commit: string | null;
  branch: string | null;
  kept: string[];
  loaded: string[];
  replayed: string[];
  dropped: string[];
  placeholders: string[];
  fidelity: { [name: string]: string };
  notes: { [name: string]: string };
  messages: string[];
  duration: number;
  dry_run: boolean;
}
