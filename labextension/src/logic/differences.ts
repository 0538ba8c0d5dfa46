/** Differences between two states, sorted into what can be shown. */

export type LineKind = 'same' | 'added' | 'removed' | 'place';

export interface IDiffLine {
  kind: LineKind;
  text: string;
  /** Number of the line in the first and in the second text. */
  a: number | null;
  b: number | null;
}

/** The lines of a unified diff, numbered, without its header. */
export function unified(lines: string[]): IDiffLine[] {
  const found: IDiffLine[] = [];
  let a = 1;
  let b = 1;
  for (const [index, line] of lines.entries()) {
    if ((line.startsWith('--- ') || line.startsWith('+++ ')) && index < 2) {
      continue;
    }
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line);
    if (hunk) {
      a = Number(hunk[1]);
      b = Number(hunk[2]);
      found.push({ kind: 'place', text: line, a: null, b: null });
    } else if (line.startsWith('+')) {
      found.push({ kind: 'added', text: line.slice(1), a: null, b: b++ });
    } else if (line.startsWith('-')) {
      found.push({ kind: 'removed', text: line.slice(1), a: a++, b: null });
    } else {
      found.push({ kind: 'same', text: line.slice(1), a: a++, b: b++ });
    }
  }
  return found;
}

export interface IGroup<T> {
  change: string;
  values: T[];
}

const ORDER = ['changed', 'created', 'added', 'deleted', 'removed'];

/** Values by what happened to them: what changed first, then what is new, then what is gone, then anything else. */
export function grouped<T extends { name: string; change: string }>(values: T[]): IGroup<T>[] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    groups.set(value.change, [...(groups.get(value.change) ?? []), value]);
  }
  const rank = (change: string) => {
    const place = ORDER.indexOf(change);
    return place === -1 ? ORDER.length : place;
  };
  return [...groups.entries()]
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .map(([change, found]) => ({ change, values: found.sort((x, y) => x.name.localeCompare(y.name)) }));
}
