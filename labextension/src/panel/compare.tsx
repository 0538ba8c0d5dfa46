/** Two states side by side: the lines of code that differ, and the values by column and row. */
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { IComparison, IDifference, IValueComparison } from '../logic/contract';
import { grouped, unified } from '../logic/differences';
import { ownFirst } from '../logic/filter';
import { comparisonTable, notShown } from '../logic/tables';
import { NotebookHistory } from '../notebook/history';
import { useAsked, whyLate } from './asking';
import { Many } from './many';
import { Table } from './values';

/** So many lines of a difference of code are shown. */
const MOST_LINES = 2000;

export interface ICompareProps {
  history: NotebookHistory;
  a: string;
  b: string;
  titles: [string, string];
  trans: TranslationBundle;
  onClose?: () => void;
  onSwap?: () => void;
}

export function Compare(props: ICompareProps): JSX.Element {
  const { history, a, b, trans, titles } = props;
  const asked = useAsked<IComparison>(`${a} ${b} ${history.model.rewritten}`, () => history.ask('compare', { a, b, name: null }));
  const { answer, error } = asked;
  return (
    <section className="timeslip-Details timeslip-Compare" aria-label={trans.__('Comparison of %1 and %2', ...titles)}>
      <header className="timeslip-Details-head">
        <h3>
          {titles[0]} → {titles[1]}
        </h3>
        {props.onSwap && (
          <button type="button" className="timeslip-Button timeslip-mod-small" onClick={props.onSwap} aria-label={trans.__('Swap the two states')}>
            ⇄
          </button>
        )}
        {props.onClose && (
          <button type="button" className="timeslip-Button timeslip-mod-small" onClick={props.onClose} aria-label={trans.__('Close the comparison')}>
            ✕
          </button>
        )}
      </header>
      {error && <p className="timeslip-Note">{error}</p>}
      {!answer && !error && <p className="timeslip-Note">{whyLate(asked, history, trans) || trans.__('Comparing …')}</p>}
      {answer && <Compared {...props} answer={answer} />}
    </section>
  );
}

function Compared(props: ICompareProps & { answer: IComparison }): JSX.Element {
  const { answer, trans } = props;
  const lines = unified(answer.code);
  const groups = grouped<IDifference>(answer.values.filter(value => !/^_+\d*$/.test(value.name)));
  const titles: { [change: string]: string } = {
    changed: trans.__('Changed'),
    created: trans.__('Only in the second'),
    added: trans.__('Only in the second'),
    deleted: trans.__('Only in the first'),
    removed: trans.__('Only in the first')
  };
  return (
    <>
      {groups.length === 0 && <p className="timeslip-Note">{trans.__('No value differs.')}</p>}
      {groups.map(group => (
        <React.Fragment key={group.change}>
          <h4>{titles[group.change] ?? group.change}</h4>
          <Many
            items={ownFirst(group.values)}
            draw={value => <Difference key={value.name} {...props} value={value} first={group.change === 'changed' && group.values.length === 1} />}
            trans={trans}
          />
        </React.Fragment>
      ))}
      <h4>{trans.__('Code')}</h4>
      {lines.length === 0 ? (
        <p className="timeslip-Note">{trans.__('The code is the same.')}</p>
      ) : (
        <pre className="timeslip-Diff" tabIndex={0} aria-label={trans.__('Difference of the code')}>
          {lines.slice(0, MOST_LINES).map((line, index) => (
            <div key={index} className={`timeslip-mod-${line.kind}`}>
              <span aria-hidden="true">{line.kind === 'added' ? '+' : line.kind === 'removed' ? '−' : ' '}</span>
              {line.text || ' '}
            </div>
          ))}
        </pre>
      )}
      {lines.length > MOST_LINES && (
        <p className="timeslip-Note">
          {trans._n('%1 more line is not shown', '%1 more lines are not shown', lines.length - MOST_LINES)}
        </p>
      )}
    </>
  );
}

function Difference(props: ICompareProps & { value: IDifference; first: boolean }): JSX.Element {
  const { history, a, b, value, trans } = props;
  const [open, setOpen] = React.useState(props.first);
  const asked = useAsked<IComparison>(open && !history.isReading ? `${a} ${b} ${value.name} ${history.model.rewritten}` : null, () =>
    history.ask('compare', { a, b, name: value.name })
  );
  const { answer, error } = asked;
  return (
    <li data-name={value.name}>
      <button type="button" className="timeslip-Disclose" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? '▾' : '▸'} <b>{value.name}</b> <span className="timeslip-Dim">{value.about}</span>
      </button>
      {open && error && <p className="timeslip-Note">{error}</p>}
      {open && history.isReading && (
        <p className="timeslip-Note">{trans.__('Values are compared while the notebook is recorded.')}</p>
      )}
      {open && !history.isReading && !error && !answer && (
        <p className="timeslip-Note">{whyLate(asked, history, trans) || trans.__('Comparing …')}</p>
      )}
      {open && answer?.value && <InFull value={answer.value} trans={trans} />}
    </li>
  );
}

function InFull({ value, trans }: { value: IValueComparison; trans: TranslationBundle }): JSX.Element {
  const { frame } = value;
  const hidden = frame && notShown(frame);
  return (
    <div className="timeslip-Value">
      {value.summary && <p>{value.summary}</p>}
      {value.lines.length > 0 && <pre tabIndex={0}>{value.lines.join('\n')}</pre>}
      {frame && <Table table={comparisonTable(frame)} caption={`${value.name}: ${value.summary}`} />}
      {hidden && hidden.rows > 0 && (
        <p className="timeslip-Note">{trans._n('%1 row is not shown', '%1 rows are not shown', hidden.rows)}</p>
      )}
      {hidden && hidden.columns > 0 && (
        <p className="timeslip-Note">{trans._n('%1 column is not shown', '%1 columns are not shown', hidden.columns)}</p>
      )}
      {[value.note, frame?.note].filter(Boolean).map(note => (
        <p key={note} className="timeslip-Note">
          {note}
        </p>
      ))}
    </div>
  );
}
