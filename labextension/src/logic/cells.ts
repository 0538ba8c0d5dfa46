/**
 * What has to be done to the cells of a notebook so that they are those of an earlier state.
 *
 * A plan of single steps, made before anything is touched: cells that are the same stay the very same cells, with their
 * editors and the cursor in them. A plan never ends in a notebook without cells.
 */

/** A cell as nbformat has it. */
export interface ICellJson {
  id?: string;
  cell_type: string;
  source: string | string[];
  metadata?: { [key: string]: unknown };
  outputs?: unknown[];
  execution_count?: number | null;
  [key: string]: unknown;
}

/** A notebook as it was kept with a state. */
export interface IKept {
  cells: ICellJson[];
  /** `path`: of the notebook at that time; older ones do not say it. */
  metadata?: { path?: string };
}

/**
 * Whether cells that were *kept* are those of the notebook at *path*, which is *now* like this.
 *
 * Several notebooks can have one kernel. One that has another name now has cells in common with what it was; but so has a
 * copy, of which it is known when it is one of the *others* that are open.
 */
export function isOf(kept: IKept, path: string, now: ICellJson[], others: readonly string[]): boolean {
  const was = kept.metadata?.path;
  if (was === undefined || was === path) {
    return true;
  }
  const ids = new Set(now.map(cell => cell.id));
  return !others.includes(was) && kept.cells.some(cell => cell.id !== undefined && ids.has(cell.id));
}

export type Step =
  | { do: 'insert'; at: number; cell: ICellJson }
  | { do: 'move'; from: number; to: number }
  | { do: 'update'; at: number; cell: ICellJson }
  | { do: 'delete'; from: number; end: number };

export interface ICellPlan {
  steps: Step[];
  /** Cells that are there now and were not then. */
  gone: number;
  /** Cells that come back. */
  back: number;
  /** Cells whose text, outputs or kind become what they were. */
  changed: number;
}

/** Text of a cell: nbformat allows a list of lines. */
export function sourceOf(cell: ICellJson): string {
  return Array.isArray(cell.source) ? cell.source.join('') : cell.source;
}

/** JSON with its keys in order, so that equal things are equal texts. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(',')}]`;
  }
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value as object).filter(([, one]) => one !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(',')}}`;
  }
  return JSON.stringify(value ?? null);
}

/** Whether outputs may act is decided by JupyterLab as they come; it is nothing that the cell shows. */
function shownMetadata(cell: ICellJson): unknown {
  const { trusted, ...rest } = cell.metadata ?? {};
  return rest;
}

/** Whether two cells show the same. */
export function sameCell(a: ICellJson, b: ICellJson): boolean {
  return sourceOf(a) === sourceOf(b) && sameButText(a, b);
}

/** Whether nothing but their text tells two cells apart. */
export function sameButText(a: ICellJson, b: ICellJson): boolean {
  return (
    a.cell_type === b.cell_type &&
    (a.execution_count ?? null) === (b.execution_count ?? null) &&
    canonical(a.outputs ?? []) === canonical(b.outputs ?? []) &&
    canonical(shownMetadata(a)) === canonical(shownMetadata(b))
  );
}

/**
 * The steps from *now* to *then*.
 *
 * Throws: *then* has no cells. There is no state of a notebook that is worth emptying it for.
 */
export function planCells(now: ICellJson[], then: ICellJson[]): ICellPlan {
  if (!then.length) {
    throw new Error('no cells were kept with that state');
  }
  const steps: Step[] = [];
  const work = [...now];
  const plan = { gone: 0, back: 0, changed: 0 };
  then.forEach((cell, at) => {
    const id = cell.id;
    const there = id === undefined ? -1 : work.findIndex((other, index) => index >= at && other.id === id);
    if (there === -1) {
      steps.push({ do: 'insert', at, cell });
      work.splice(at, 0, cell);
      plan.back += 1;
      return;
    }
    if (there !== at) {
      steps.push({ do: 'move', from: there, to: at });
      work.splice(at, 0, ...work.splice(there, 1));
    }
    if (!sameCell(work[at], cell)) {
      steps.push({ do: 'update', at, cell });
      work[at] = cell;
      plan.changed += 1;
    }
  });
  if (work.length > then.length) {
    plan.gone = work.length - then.length;
    steps.push({ do: 'delete', from: then.length, end: work.length });
  }
  return { steps, ...plan };
}
