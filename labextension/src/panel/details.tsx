/** The selected state: its code, what it showed, its values, and what can be done with it. */
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Actions, What } from '../actions';
import { IState } from '../logic/contract';
import { isResult } from '../logic/filter';
import { duration, moment, size } from '../logic/formats';
import { NotebookHistory } from '../notebook/history';
import { useAsked, whyLate } from './asking';
import { Cut, Many } from './many';
import { Outputs } from './outputs';
import { changesOf, kindName, outcomeName } from './row';
import { ValuePreview } from './values';

/** So many characters of a cell's code are shown. */
const MOST_CODE = 50000;

export interface IDetailsProps {
  history: NotebookHistory;
  state: IState;
  actions: Actions;
  trans: TranslationBundle;
  what: What;
  onWhat: (what: What) => void;
  onCompare: (a: string, b: string) => void;
  onBlame: (name: string) => void;
  onClose: () => void;
}

export function Details(props: IDetailsProps): JSX.Element {
  const { history, state, actions, trans, what } = props;
  const here = state.id === history.model.head;
  const { rewritten } = history.model;
  const shown = useAsked(`${state.id} ${rewritten}`, () => history.ask('show', { words: [state.id] }));
  const kept = useAsked(state.cells ? `${state.id} ${rewritten}` : null, () => history.ask('cells', { ref: state.id }));
  const late = whyLate(shown, history, trans);
  const cell = (kept.answer as any)?.cells?.cells?.find(
    (one: any) => one.cell_type === 'code' && one.execution_count === state.count && state.count !== null
  );
  const busy = history.working !== null;
  const reading = history.isReading;
  const choices: [What, string][] = [
    ['variables', trans.__('Variables')],
    ['cells', trans.__('Cells')],
    ['both', trans.__('Both')]
  ];
  const title = actions.title(state);
  return (
    <section className="timeslip-Details" aria-label={trans.__('State %1', title)}>
      <header className="timeslip-Details-head">
        <h3>
          {title} {here && !reading && <span className="timeslip-Here">{trans.__('you are here')}</span>}
        </h3>
        <button type="button" className="timeslip-Button timeslip-mod-small" onClick={props.onClose} aria-label={trans.__('Close the details')}>
          ✕
        </button>
      </header>
      <p className="timeslip-Dim timeslip-Facts">
        {[moment(state.started), duration(state.duration), state.bytes ? size(state.bytes) : '', state.branch ? trans.__('on %1', state.branch) : '']
          .filter(Boolean)
          .join(' · ')}
      </p>
      {!reading && (
        <div className="timeslip-Go">
          <div className="timeslip-Choice" role="radiogroup" aria-label={trans.__('What goes to this state')}>
            {choices.map(([value, label]) => (
              <label key={value} className={what === value ? 'timeslip-mod-on' : ''}>
                <input
                  type="radio"
                  name="timeslip-what"
                  value={value}
                  checked={what === value}
                  onChange={() => props.onWhat(value)}
                />
                {label}
              </label>
            ))}
          </div>
          <button
            type="button"
            className="timeslip-Button timeslip-mod-primary"
            aria-disabled={busy}
            data-action="go"
            onClick={() => void actions.goTo(history, state, what)}
          >
            {trans.__('Go to this state')}
          </button>
        </div>
      )}
      <div className="timeslip-Buttons">
        <button type="button" className="timeslip-Button" data-action="compare" disabled={here} onClick={() => props.onCompare(state.id, history.model.head ?? 'HEAD')}>
          {trans.__('Compare with now')}
        </button>
        {!reading && (
          <>
            <button type="button" className="timeslip-Button" data-action="branch" onClick={() => void actions.branch(history, state)}>
              {trans.__('Branch …')}
            </button>
            <button type="button" className="timeslip-Button" data-action="tag" onClick={() => void actions.tag(history, state)}>
              {trans.__('Tag …')}
            </button>
            <button type="button" className="timeslip-Button" data-action="describe" onClick={() => void actions.describe(history, state)}>
              {trans.__('Describe …')}
            </button>
          </>
        )}
      </div>
      {state.message && <p className="timeslip-Message">{state.message}</p>}
      {state.outcome !== 'ok' && (
        <p className="timeslip-Failed">
          {outcomeName(state, trans)}
          {state.error ? `: ${state.error}` : ''}
        </p>
      )}
      <CodeOf state={state} shown={shown.answer} trans={trans} />
      {(shown.error || late) && <p className="timeslip-Note">{shown.error || late}</p>}
      {cell?.outputs?.length > 0 && (
        <>
          <h4>{trans.__('Output')}</h4>
          <Outputs outputs={cell.outputs} />
        </>
      )}
      <Values {...props} shown={shown.answer} />
    </section>
  );
}

function CodeOf({ state, shown, trans }: { state: IState; shown: any; trans: TranslationBundle }): JSX.Element | null {
  const code = shown?.commit?.code ?? state.first;
  if (!code) {
    return <p className="timeslip-Dim">{kindName(state, trans)}</p>;
  }
  return (
    <pre className="timeslip-Code" tabIndex={0} aria-label={trans.__('Code')}>
      <Cut text={code} most={MOST_CODE} trans={trans} />
    </pre>
  );
}

/** The names of the state: those that its cell touched first, all others on demand. */
function Values(props: IDetailsProps & { shown: any }): JSX.Element {
  const { state, trans, shown } = props;
  const [all, setAll] = React.useState(false);
  const touched = changesOf(state, trans).filter(change => change.kind !== 'deleted');
  const names = new Set(touched.map(change => change.name));
  const summaries = new Map<string, any>((shown?.values ?? []).map((value: any) => [value.name, value]));
  const rest = [...summaries.keys()].filter(name => !names.has(name) && !isResult(name));
  return (
    <>
      {touched.length > 0 && <h4>{trans.__('Made or changed')}</h4>}
      <Many
        items={touched}
        draw={change => <Name key={change.name} {...props} name={change.name} how={change.how} value={summaries.get(change.name)} />}
        trans={trans}
      />
      {rest.length > 0 && (
        <>
          <h4>
            <button type="button" className="timeslip-Disclose" aria-expanded={all} onClick={() => setAll(!all)}>
              {all ? '▾' : '▸'} {trans._n('%1 other variable', '%1 other variables', rest.length)}
            </button>
          </h4>
          {all && (
            <Many items={rest} draw={name => <Name key={name} {...props} name={name} how="" value={summaries.get(name)} />} trans={trans} />
          )}
        </>
      )}
    </>
  );
}

function Name(props: IDetailsProps & { name: string; how: string; value: any }): JSX.Element {
  const { history, state, name, how, value, actions, trans } = props;
  const [open, setOpen] = React.useState(false);
  const why = state.inexact[name];
  return (
    <li data-name={name}>
      <div className="timeslip-Name-line">
        <button type="button" className="timeslip-Disclose" aria-expanded={open} onClick={() => setOpen(!open)} title={trans.__('Show the value as it was')}>
          {open ? '▾' : '▸'} <b>{name}</b> <span className="timeslip-Dim">{[how, value?.summary].filter(Boolean).join(' · ')}</span>
        </button>
      </div>
      {why && <p className="timeslip-Note">≈ {why}</p>}
      {open && history.isReading && <pre className="timeslip-Code" tabIndex={0}>{value?.text || value?.summary || how}</pre>}
      {open && !history.isReading && (
        <>
          <div className="timeslip-Buttons">
            <button type="button" className="timeslip-Button" data-action="bring-back" onClick={() => void actions.bringBack(history, state, name)}>
              {trans.__('Bring back')}
            </button>
            <button type="button" className="timeslip-Button" data-action="bring-back-as" onClick={() => void actions.bringBackAs(history, state, name)}>
              {trans.__('Bring back as …')}
            </button>
            <button type="button" className="timeslip-Button" data-action="blame" onClick={() => props.onBlame(name)}>
              {trans.__('What changed it?')}
            </button>
          </div>
          <ValuePreview history={history} at={state.id} name={name} trans={trans} />
        </>
      )}
    </li>
  );
}
