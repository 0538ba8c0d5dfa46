/** The panel as a whole: what is on, the filter, the states, and the state that is looked at. */
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Actions, What } from '../actions';
import { backIcon, forthIcon, timeslipIcon } from '../icons';
import { Condition } from '../kernel/link';
import { IState } from '../logic/contract';
import { filtered, IFilter, isEmpty, namesOf, NO_FILTER } from '../logic/filter';
import { size, when } from '../logic/formats';
import { spoken } from '../logic/spoken';
import { Manager } from '../notebook/manager';
import { NotebookHistory } from '../notebook/history';
import { Compare } from './compare';
import { Details } from './details';
import { List } from './list';

/** So many names can be chosen from. */
const MOST_NAMES = 500;

export interface IViewProps {
  manager: Manager;
  actions: Actions;
  trans: TranslationBundle;
  /** Open a comparison where there is more room; null where there is none. */
  openLarge: ((history: NotebookHistory, a: string, b: string) => void) | null;
}

/** The history of the notebook that is looked at; drawn anew whenever it changes. */
export function View(props: IViewProps): JSX.Element {
  const { manager } = props;
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    manager.changed.connect(draw);
    manager.currentChanged.connect(draw);
    return () => {
      manager.changed.disconnect(draw);
      manager.currentChanged.disconnect(draw);
    };
  }, [manager]);
  const history = manager.current;
  if (!history) {
    return <Empty {...props} text={props.trans.__('Open a notebook to see its history.')} />;
  }
  return history.isOn || history.isReading ? (
    <On key={history.panel.id} {...props} history={history} revision={history.model.revision} />
  ) : (
    <Off {...props} history={history} />
  );
}

function Empty({ text, children }: IViewProps & { text: string; children?: React.ReactNode }): JSX.Element {
  return (
    <div className="timeslip-Empty">
      <timeslipIcon.react tag="span" width="40px" height="40px" />
      <p>{text}</p>
      {children}
    </div>
  );
}

/** Why a kernel cannot be recorded, in words; null where nothing stands in the way. */
function hindrance(condition: Condition | null, trans: TranslationBundle): string | null {
  switch (condition?.kind) {
    case 'not-python':
      return trans.__('Timeslip records Python sessions. The kernel of this notebook speaks %1.', condition.language || '?');
    case 'not-installed':
      return trans.__("Timeslip is not installed in this kernel's environment. Run this in a cell, then try again:");
    case 'older':
      return trans.__("This kernel's Timeslip is older than this front end. Run this in a cell, then restart the kernel:");
    case 'failed':
      return [condition.fault.message, condition.fault.hint].filter(Boolean).join('. ');
    default:
      return null;
  }
}

/** What is to be run in a cell against it. */
const REMEDIES: { [kind: string]: string } = {
  'not-installed': '%pip install timeslip',
  older: '%pip install --upgrade timeslip'
};

function Remedy({ kind }: { kind?: string }): JSX.Element | null {
  const remedy = kind && REMEDIES[kind];
  return remedy ? (
    <pre className="timeslip-Code" tabIndex={0}>
      {remedy}
    </pre>
  ) : null;
}

function Off(props: IViewProps & { history: NotebookHistory }): JSX.Element {
  const { history, actions, trans } = props;
  const condition = history.condition;
  const start = (label: string) => (
    <button type="button" className="timeslip-Button timeslip-mod-primary" data-action="start" onClick={() => void actions.start(history)}>
      {label}
    </button>
  );
  switch (condition?.kind) {
    case undefined:
      return <Empty {...props} text={trans.__('This notebook has no kernel. Its history appears when one is started.')} />;
    case 'asking':
      return <Empty {...props} text={trans.__('Asking the kernel …')} />;
    case 'starting':
      return <Empty {...props} text={trans.__('Recording begins as soon as the kernel is free …')} />;
    case 'gone':
      return <Empty {...props} text={trans.__('The kernel has ended. What was recorded can be brought back into a new one.')} />;
    case 'not-python':
    case 'not-installed':
    case 'older':
    case 'failed':
      return (
        <Empty {...props} text={hindrance(condition, trans)!}>
          <Remedy kind={condition.kind} />
          {(condition.kind === 'not-installed' || condition.kind === 'failed') && start(trans.__('Try again'))}
        </Empty>
      );
    default:
      return (
        <Empty {...props} text={trans.__('Record this notebook, and every state of its variables can be brought back: undo, compare, branch.')}>
          {start(trans.__('Start recording'))}
        </Empty>
      );
  }
}

function On(props: IViewProps & { history: NotebookHistory; revision: number }): JSX.Element {
  const { history, revision, actions, trans } = props;
  const { model } = history;
  const [filter, setFilter] = React.useState<IFilter>(NO_FILTER);
  const [what, setWhat] = React.useState<What>('variables');
  const [selection, select] = React.useState<string[]>(history.selection);
  const states = React.useMemo(() => filtered(model, filter), [model, revision, filter]);
  const choose = (ids: string[]) => {
    history.selection = ids;
    select(ids);
  };
  const picked = selection.map(id => model.state(id)).filter((state): state is IState => state !== undefined);
  const go = (state: IState) => {
    if (history.isOn) {
      void actions.goTo(history, state, what);
    }
  };
  // Of two states, the older one is the first of the comparison.
  const pair = picked.length === 2 ? [...picked].sort((x, y) => model.order.indexOf(y.id) - model.order.indexOf(x.id)) : null;
  return (
    <div className="timeslip-Panel">
      {props.manager.all().length > 1 && (
        <p className="timeslip-Of" title={history.panel.context.localPath}>
          {history.panel.title.label}
        </p>
      )}
      {history.isReading ? <ReadingHead {...props} /> : <Head {...props} />}
      {history.isOn && model.activity === 'paused' && model.why && (
        <p className="timeslip-Note timeslip-Nothing timeslip-Paused" role="status">
          {trans.__('Nothing is recorded now: %1', spoken(model.why))}
        </p>
      )}
      {history.resumable && (
        <div className="timeslip-Bar" role="status">
          <span>{trans.__('State of %1 can be brought back', when(history.resumable.started, new Date()))}</span>
          <button type="button" className="timeslip-Button timeslip-mod-primary" data-action="resume" aria-disabled={history.working !== null} onClick={() => void actions.resume(history)}>
            {trans.__('Bring back')}
          </button>
        </div>
      )}
      {history.isOn && model.head === null && model.order.length > 0 && (
        <p className="timeslip-Note timeslip-Nothing">
          {history.resumable ? trans.__('A new kernel: nothing has run in it yet.') : trans.__('You are before the first state.')}
        </p>
      )}
      <Filters {...props} filter={filter} onFilter={setFilter} />
      {states.length === 0 && (
        <p className="timeslip-Note timeslip-Nothing">
          {isEmpty(filter) ? trans.__('Run a cell: its state appears here.') : trans.__('No state matches.')}
        </p>
      )}
      <List
        model={model}
        revision={revision}
        states={states}
        selection={selection}
        trans={trans}
        here={history.isReading ? trans.__('last') : trans.__('here')}
        onSelect={choose}
        onGo={go}
      />
      {pair ? (
        <>
          {props.openLarge && (
            <button
              type="button"
              className="timeslip-Button timeslip-Large"
              data-action="large"
              onClick={() => props.openLarge!(history, pair[0].id, pair[1].id)}
            >
              {trans.__('Open with more room')}
            </button>
          )}
          <Compare
            history={history}
            a={pair[0].id}
            b={pair[1].id}
            titles={[actions.title(pair[0]), actions.title(pair[1])]}
            trans={trans}
            onClose={() => choose([])}
          />
        </>
      ) : picked.length === 1 ? (
        <Details
          key={picked[0].id}
          history={history}
          state={picked[0]}
          actions={actions}
          trans={trans}
          what={what}
          onWhat={setWhat}
          onCompare={(a, b) => choose([b, a])}
          onBlame={name => setFilter({ ...filter, name })}
          onClose={() => choose([])}
        />
      ) : (
        <p className="timeslip-Hint">{trans.__('Select a state to look at it, two to compare them.')}</p>
      )}
    </div>
  );
}

/** Over a history that is only read: there is no kernel that it could be brought back into yet, or none is recorded. */
function ReadingHead({ history, actions, trans }: IViewProps & { history: NotebookHistory }): JSX.Element {
  const kind = history.condition?.kind;
  const why = hindrance(history.condition, trans);
  const head = (
    <div className="timeslip-Head">
      <span className="timeslip-Status" role="status" data-activity="reading">
        <span className="timeslip-Status-dot" aria-hidden="true" />
        {kind === 'starting' ? trans.__('Starting …') : trans.__('Not recording')}
      </span>
      {history.link !== null && (kind === 'off' || kind === 'not-installed' || kind === 'failed') && (
        <button type="button" className="timeslip-Button" data-action="start" onClick={() => void actions.start(history)}>
          {kind === 'off' ? trans.__('Start recording') : trans.__('Try again')}
        </button>
      )}
    </div>
  );
  return why === null ? (
    head
  ) : (
    <>
      {head}
      <div className="timeslip-Note timeslip-Nothing">
        {why}
        <Remedy kind={kind} />
      </div>
    </>
  );
}

function Head({ history, actions, trans }: IViewProps & { history: NotebookHistory }): JSX.Element {
  const { model } = history;
  const busy = history.working !== null;
  const said: { [activity: string]: string } = {
    idle: trans.__('Recording'),
    recording: trans.__('Saving …'),
    saving: trans.__('Saving …'),
    paused: trans.__('Paused')
  };
  const away = history.link !== null && !history.link.isReachable;
  const activity = away ? 'away' : busy ? 'working' : model.activity;
  const others = Object.keys(model.branches).length > 1;
  return (
    <div className="timeslip-Head">
      <button type="button" className="timeslip-Button timeslip-mod-icon" data-action="undo" title={trans.__('Undo the last cell: the variables become as they were before it')} aria-label={trans.__('Undo the last cell')} onClick={() => void actions.undo(history)}>
        <backIcon.react tag="span" width="16px" height="16px" />
      </button>
      <button type="button" className="timeslip-Button timeslip-mod-icon" data-action="redo" title={trans.__('Redo what was undone')} aria-label={trans.__('Redo')} onClick={() => void actions.redo(history)}>
        <forthIcon.react tag="span" width="16px" height="16px" />
      </button>
      <span className="timeslip-Status" role="status" data-activity={activity} title={model.why ?? undefined}>
        <span className="timeslip-Status-dot" aria-hidden="true" />
        {away ? trans.__('Not connected') : busy ? trans.__('Working …') : said[model.activity]}
      </span>
      {model.storeBytes !== null && (
        <span className="timeslip-Dim" title={trans.__('Size of the store')}>
          {size(model.storeBytes)}
        </span>
      )}
      {model.branch !== null && (
        <button type="button" className="timeslip-Ref timeslip-Branch" data-action="switch" disabled={!others} title={trans.__('Branch: click to switch to another one')} onClick={() => void actions.pickBranch(history)}>
          {model.branch}
        </button>
      )}
    </div>
  );
}

function Filters(props: IViewProps & { history: NotebookHistory; revision: number; filter: IFilter; onFilter: (filter: IFilter) => void }): JSX.Element {
  const { history, revision, filter, onFilter, trans } = props;
  const { model } = history;
  const names = React.useMemo(() => namesOf(model), [model, revision]);
  const branches = Object.keys(model.branches);
  const unknown = filter.name !== null && !names.slice(0, MOST_NAMES).includes(filter.name);
  return (
    <div className="timeslip-Filters" role="search">
      <input type="search" className="timeslip-Input" placeholder={trans.__('Filter states')} aria-label={trans.__('Filter states by text')} value={filter.text} onChange={event => onFilter({ ...filter, text: event.target.value })} />
      <select className="timeslip-Input" aria-label={trans.__('Only states that changed this name')} value={filter.name ?? ''} onChange={event => onFilter({ ...filter, name: event.target.value || null })}>
        <option value="">{trans.__('Any name')}</option>
        {unknown && <option value={filter.name!}>{filter.name}</option>}
        {names.slice(0, MOST_NAMES).map(name => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
        {names.length > MOST_NAMES && <option disabled>{trans.__('%1 more: type the name into the filter', names.length - MOST_NAMES)}</option>}
      </select>
      {branches.length > 1 && (
        <select className="timeslip-Input" aria-label={trans.__('Only states of this branch')} value={filter.branch ?? ''} onChange={event => onFilter({ ...filter, branch: event.target.value || null })}>
          <option value="">{trans.__('Any branch')}</option>
          {branches.map(name => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}
