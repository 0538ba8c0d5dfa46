/** Values as they were: frames as tables, figures as pictures, anything else as text. */
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { IPreview } from '../logic/contract';
import { ITableShown, tableOf } from '../logic/tables';
import { NotebookHistory } from '../notebook/history';
import { useAsked, whyLate } from './asking';

export interface IPreviewProps {
  history: NotebookHistory;
  /** Reference of the state. */
  at: string;
  name: string;
  trans: TranslationBundle;
}

export function ValuePreview({ history, at, name, trans }: IPreviewProps): JSX.Element {
  const asked = useAsked(`${at} ${name} ${history.model.rewritten}`, async () => {
    const said = await history.ask('preview', { ref: at, names: [name] });
    return (said.values ?? [])[0] as IPreview;
  });
  const { answer, error } = asked;
  if (error) {
    return <p className="timeslip-Note">{error}</p>;
  }
  if (!answer) {
    return <p className="timeslip-Note">{whyLate(asked, history, trans) || trans.__('Looking …')}</p>;
  }
  return <Value value={answer} />;
}

export function Value({ value }: { value: IPreview }): JSX.Element {
  const table = tableOf(value);
  return (
    <div className="timeslip-Value">
      {value.png ? (
        <img src={`data:image/png;base64,${value.png}`} alt={value.summary || value.name} />
      ) : table ? (
        <Table table={table} caption={[value.name, value.summary].filter(Boolean).join(': ')} />
      ) : (
        <pre tabIndex={0}>{value.text || value.summary}</pre>
      )}
      {value.note && <p className="timeslip-Note">{value.note}</p>}
    </div>
  );
}

/** A frame. It scrolls by itself, so that the panel keeps its width. */
export function Table({ table, caption }: { table: ITableShown; caption: string }): JSX.Element {
  const changes = table.columns.map(column => (column.change ? `timeslip-mod-${column.change}` : ''));
  return (
    <div className="timeslip-Table" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <thead>
          <tr>
            <td />
            {table.columns.map((column, index) => (
              <th key={index} scope="col" className={changes[index]}>
                {column.name}
                <small>{column.dtype}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            <tr key={index}>
              <th scope="row">{row.label}</th>
              {row.cells.map((cell, place) =>
                cell.changed ? (
                  <td key={place} className="timeslip-mod-changed">
                    <del>{cell.was}</del> <ins>{cell.text}</ins>
                  </td>
                ) : (
                  <td key={place} className={changes[place] === 'timeslip-mod-changed' ? '' : changes[place]}>
                    {cell.text}
                  </td>
                )
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
