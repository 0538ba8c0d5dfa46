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
  error?: string | null;
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
  | 'rewritten'
  | 'saving'
  | 'closed';

/** What the kernel tells unasked. */
export interface IEvent {
  event: EventKind;
  seq: number;
  head: string | null;
  branch: string | null;
  /** The state that the session is at. */
  state?: IState | null;
  /** States that are new or have changed since the event before, newest first. */
  states?: IState[];
  /** Whether there were more of them than an event carries. */
  more?: boolean;
  session?: string;
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
  store_bytes?: number | null;
  /** Why recording is paused, or null. */
  paused?: string | null;
  /** The commit that `resume` would bring back, or null. */
  resumable?: string | null;
  /** Whether requests can come in pieces. */
  pieces?: boolean;
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
  /** Of figures: a picture, base64. */
  png?: string | null;
  /** What is not shown, and why. */
  note?: string | null;
  /** Of frames: columns, labels of the rows, and their cells as text. */
  columns?: { name: string; dtype: string }[] | null;
  index?: string[] | null;
  rows?: string[][] | null;
}

/** A name that differs between two states, in a few words. */
export interface IDifference {
  name: string;
  change: string;
  about: string;
  before?: string;
  after?: string;
}

/** Two frames over each other. */
export interface IFrameComparison {
  shape: { a: number[]; b: number[] };
  columns: { name: string; change: string; dtype_a: string | null; dtype_b: string | null; cells: number }[];
  rows: { label: string; a: (string | null)[]; b: (string | null)[]; changed: boolean[] }[];
  first: number;
  of: number;
  changed_rows: number;
  changed_cells: number;
  rows_added: number;
  rows_removed: number;
  renamed: string[][];
  hidden_columns: number;
  note: string;
}

/** One value in both states. */
export interface IValueComparison {
  name: string;
  change: string;
  summary: string;
  lines: string[];
  frame: IFrameComparison | null;
  note: string;
}

export interface IComparison {
  a: string;
  b: string;
  code: string[];
  values: IDifference[];
  value: IValueComparison | null;
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
