/**
 * The history as a graph: which lane the dot of each row is in, and which lines pass it.
 *
 * A pure function of the rows, so that it can be tested without a browser and computed once per change of history.
 */

export interface INode {
  id: string;
  parents: string[];
}

export interface ILaneRow {
  /** Lane of the dot. */
  lane: number;
  /** Whether a line comes to the dot from the row above, in the dot's own lane. */
  above: boolean;
  /** Whether a line goes on to the row below, in the dot's own lane. */
  below: boolean;
  /** Lanes whose lines pass this row. */
  passing: number[];
  /** Lanes whose lines end in the dot, coming from above: branches that began here. */
  joining: number[];
  /** Lanes that begin at the dot and go down: further parents, as a merge has them. */
  leaving: number[];
}

export interface ILayout {
  rows: ILaneRow[];
  /** How many lanes there are. */
  width: number;
}

/**
 * Lay out *nodes*, newest first.
 *
 * *main* holds the ids of the line that the session is on: it gets lane 0 for its whole length, so that where one is and
 * how one came there is a straight line at the left, whatever was tried beside it.
 */
export function layout(nodes: INode[], main: ReadonlySet<string>): ILayout {
  const known = new Set(nodes.map(node => node.id));
  // For each lane: the commit that its line goes to, or null when the lane is free.
  const open: (string | null)[] = [null];
  const rows: ILaneRow[] = [];
  let width = 1;

  const claim = (id: string): number => {
    if (main.has(id)) {
      return 0;
    }
    const free = open.indexOf(null, 1);
    return free === -1 ? Math.max(1, open.length) : free;
  };

  for (const node of nodes) {
    const waiting: number[] = [];
    open.forEach((goal, lane) => {
      if (goal === node.id) {
        waiting.push(lane);
      }
    });
    const lane = main.has(node.id) ? 0 : waiting.length ? waiting[0] : claim(node.id);
    for (const other of waiting) {
      open[other] = null;
    }
    const parents = node.parents.filter(parent => known.has(parent));
    const passing = open.flatMap((goal, index) => (goal !== null && index !== lane ? [index] : []));
    open[lane] = parents.length ? parents[0] : null;
    const leaving: number[] = [];
    for (const parent of parents.slice(1)) {
      const there = open.indexOf(parent);
      const target = there === -1 ? claim(parent) : there;
      open[target] = parent;
      leaving.push(target);
    }
    rows.push({
      lane,
      above: waiting.includes(lane),
      below: open[lane] !== null,
      passing,
      joining: waiting.filter(other => other !== lane),
      leaving
    });
    width = Math.max(width, lane + 1, ...passing.map(index => index + 1), ...leaving.map(index => index + 1));
    while (open.length > 1 && open[open.length - 1] === null) {
      open.pop();
    }
  }
  return { rows, width };
}
