/** Which rows of a long list are there: only what is seen, and a little beyond it. */

export interface IWindow {
  /** First row that is rendered. */
  first: number;
  /** One after the last. */
  end: number;
  /** Distance of the first from the top of the list, pixels. */
  offset: number;
  /** Height of the whole list, pixels. */
  height: number;
}

/** The rows to render of *count*, each *row* pixels high, scrolled to *top* in a view of *view* pixels. */
export function windowOf(top: number, view: number, row: number, count: number, beyond = 8): IWindow {
  const height = count * row;
  const start = Math.min(Math.max(0, top), Math.max(0, height - view));
  const first = Math.max(0, Math.floor(start / row) - beyond);
  const end = Math.min(count, Math.ceil((start + view) / row) + beyond);
  return { first, end, offset: first * row, height };
}

/**
 * Where to scroll when the session has gone from row *from* (-1: it was nowhere before) to row *to*.
 *
 * Who looks at the row where the session is goes with it; who looks at something else is left there.
 */
export function follow(from: number, to: number, top: number, view: number, row: number): number {
  const seen = from === -1 || ((from + 1) * row > top && from * row < top + view);
  return to !== -1 && seen && view > 0 ? scrollFor(to, top, view, row) : top;
}

/** Where to scroll so that row *index* is seen; *top* when it is seen already. */
export function scrollFor(index: number, top: number, view: number, row: number): number {
  if (index * row < top) {
    return index * row;
  }
  if ((index + 1) * row > top + view) {
    return (index + 1) * row - view;
  }
  return top;
}
