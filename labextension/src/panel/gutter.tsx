/** The piece of the graph beside one row: its dot, and the lines that pass. */
import * as React from 'react';

import { ILaneRow } from '../logic/lanes';

export const LANE = 12;
/** More lanes than that are drawn on top of each other: the text needs the room. */
export const LANES = 7;
const COLOURS = 6;

export function gutterWidth(lanes: number): number {
  return Math.min(lanes, LANES) * LANE + 8;
}

function x(lane: number): number {
  return Math.min(lane, LANES - 1) * LANE + 10;
}

function colour(lane: number): string {
  return `timeslip-lane${lane === 0 ? 0 : ((lane - 1) % (COLOURS - 1)) + 1}`;
}

export interface IGutterProps {
  row: ILaneRow;
  height: number;
  width: number;
  head: boolean;
  failed: boolean;
}

export function Gutter({ row, height, width, head, failed }: IGutterProps): JSX.Element {
  const middle = height / 2;
  const own = x(row.lane);
  const bend = (from: number, y0: number, to: number, y1: number) =>
    `M${from} ${y0} C${from} ${(y0 + y1) / 2} ${to} ${(y0 + y1) / 2} ${to} ${y1}`;
  return (
    <svg className="timeslip-Gutter" width={width} height={height} aria-hidden="true" focusable="false">
      {row.passing.map(lane => (
        <path key={`p${lane}`} className={colour(lane)} d={`M${x(lane)} 0 V${height}`} />
      ))}
      {row.above && <path className={colour(row.lane)} d={`M${own} 0 V${middle}`} />}
      {row.below && <path className={colour(row.lane)} d={`M${own} ${middle} V${height}`} />}
      {row.joining.map(lane => (
        <path key={`j${lane}`} className={colour(lane)} d={bend(x(lane), 0, own, middle)} />
      ))}
      {row.leaving.map(lane => (
        <path key={`l${lane}`} className={colour(lane)} d={bend(own, middle, x(lane), height)} />
      ))}
      {head && <circle className="timeslip-Dot-ring" cx={own} cy={middle} r={7} />}
      <circle
        className={`timeslip-Dot ${colour(row.lane)}${failed ? ' timeslip-mod-failed' : ''}`}
        cx={own}
        cy={middle}
        r={4}
      />
    </svg>
  );
}
