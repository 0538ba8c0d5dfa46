/** Frames as rows and columns that can be drawn: as they were, and two over each other. */
import { IFrameComparison, IPreview } from './contract';

export interface IColumnShown {
  name: string;
  dtype: string;
  change: string;
}

export interface ICellShown {
  text: string;
  /** What it was before, where it has changed. */
  was: string | null;
  changed: boolean;
}

export interface IRowShown {
  label: string;
  cells: ICellShown[];
}

export interface ITableShown {
  columns: IColumnShown[];
  rows: IRowShown[];
}

/** The table of a frame or series, or null when the value is none. */
export function tableOf(value: IPreview): ITableShown | null {
  if (!value.columns || !value.rows) {
    return null;
  }
  return {
    columns: value.columns.map(({ name, dtype }) => ({ name, dtype, change: '' })),
    rows: value.rows.map((cells, at) => ({
      label: value.index?.[at] ?? '',
      cells: cells.map(text => ({ text, was: null, changed: false }))
    }))
  };
}

/** Two frames over each other: what a cell was stands before what it is. */
export function comparisonTable(frame: IFrameComparison): ITableShown {
  const columns = frame.columns.map(({ name, change, dtype_a, dtype_b }) => ({
    name,
    change: change === 'same' ? '' : change,
    dtype: dtype_a === dtype_b || !dtype_a || !dtype_b ? dtype_b ?? dtype_a ?? '' : `${dtype_a} → ${dtype_b}`
  }));
  const rows = frame.rows.map(row => ({
    label: row.label,
    cells: columns.map((_, at) => {
      const [was, is] = [row.a[at], row.b[at]];
      const changed = row.changed[at] && was !== null && is !== null;
      return { text: is ?? was ?? '', was: changed ? was : null, changed };
    })
  }));
  return { columns, rows };
}

/** How many rows, columns and cells of a comparison are not in its table. */
export function notShown(frame: IFrameComparison): { rows: number; columns: number } {
  return { rows: Math.max(0, frame.of - frame.rows.length), columns: frame.hidden_columns };
}
