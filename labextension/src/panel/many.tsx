/** Long lists in pieces: what nobody scrolls to is not drawn. */
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** So much of a list is drawn at once. */
const PIECE = 100;

export interface IManyProps<T> {
  items: T[];
  draw: (item: T) => JSX.Element;
  trans: TranslationBundle;
}

/** The first of *items* as a list, and a button for more of them. */
export function Many<T>({ items, draw, trans }: IManyProps<T>): JSX.Element {
  const [most, setMost] = React.useState(PIECE);
  const more = items.length - most;
  return (
    <>
      <ul className="timeslip-Names">{items.slice(0, most).map(draw)}</ul>
      {more > 0 && (
        <button type="button" className="timeslip-Button" data-action="more" onClick={() => setMost(most + 10 * PIECE)}>
          {trans._n('%1 more …', '%1 more …', more)}
        </button>
      )}
    </>
  );
}

/** *text* up to *most* characters, and a note of what is not shown. */
export function Cut({ text, most, trans }: { text: string; most: number; trans: TranslationBundle }): JSX.Element {
  const more = text.length - most;
  return (
    <>
      {more > 0 ? text.slice(0, most) : text}
      {more > 0 && <span className="timeslip-Note">{`\n${trans._n('… %1 character is not shown', '… %1 characters are not shown', more)}`}</span>}
    </>
  );
}
