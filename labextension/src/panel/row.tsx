/** One state in the list. */
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { IState } from '../logic/contract';
import { ownFirst } from '../logic/filter';
import { duration, few, moment, size, when } from '../logic/formats';
import { ILaneRow } from '../logic/lanes';
import { Gutter } from './gutter';

export const ROW = 46;
/** Names that are written out in a row; the others are counted. */
const NAMES = 4;
/** The same of what is read out. */
const SPOKEN = 20;
/** The same of branches and tags. */
const REFS = 2;

export interface IRowProps {
  state: IState;
  lanes: ILaneRow;
  gutter: number;
  index: number;
  count: number;
  head: boolean;
  selected: boolean;
  active: boolean;
  branches: string[];
  tags: string[];
  trans: TranslationBundle;
  here: string;
  onPick: (index: number, event: React.MouseEvent) => void;
  onGo: (index: number) => void;
}

/** What a kind of state that is no cell run is called. */
export function kindName(state: IState, trans: TranslationBundle): string {
  switch (state.kind) {
    case 'run':
      return trans.__('Its code was removed for good');
    case 'attach':
      return trans.__('Recording began');
    case 'commit':
      return trans.__('Recorded by hand');
    case 'live':
      return trans.__('Changed outside cells');
    case 'checkout':
      return trans.__('Some names brought back');
    case 'get':
      return trans.__('A value brought back');
    case 'resume':
      return trans.__('Resumed');
    default:
      return state.kind;
  }
}

/** What is said of a state that did not end well, or null. */
export function outcomeName(state: IState, trans: TranslationBundle): string | null {
  if (state.outcome === 'error') {
    return trans.__('failed');
  }
  return state.outcome === 'interrupted' ? trans.__('interrupted') : null;
}

export function changesOf(state: IState, trans: TranslationBundle): { name: string; how: string; kind: 'created' | 'changed' | 'deleted' }[] {
  // The kernel's own words, of which most are numbers and names of classes.
  const said: { [about: string]: string } = { new: trans.__('new'), changed: trans.__('changed') };
  const list = (names: string[], kind: 'created' | 'changed' | 'deleted', plain: string) =>
    names.map(name => ({ name, kind, how: said[state.about[name]] ?? state.about[name] ?? plain }));
  return ownFirst([
    ...list(state.changed, 'changed', ''),
    ...list(state.created, 'created', said.new),
    ...list(state.deleted, 'deleted', trans.__('deleted'))
  ]);
}

/** The whole row in words, for screen readers and the tooltip. */
function spoken(props: IRowProps): string {
  const { state, trans } = props;
  const parts = [state.count === null ? state.short : trans.__('In %1', state.count), state.first ?? kindName(state, trans)];
  parts.push(outcomeName(state, trans) ?? '', state.message ?? '');
  const told = few(changesOf(state, trans), SPOKEN);
  parts.push(...told.shown.map(change => `${change.name} ${change.how}`));
  parts.push(told.more ? trans.__('and %1 more', told.more) : '');
  const inexact = Object.keys(state.inexact);
  if (inexact.length) {
    parts.push(trans.__('not stored exactly: %1', inexact.join(', ')));
  }
  parts.push(moment(state.started), duration(state.duration), size(state.bytes));
  parts.push(...props.branches.map(name => trans.__('branch %1', name)));
  parts.push(...props.tags.map(name => trans.__('tag %1', name)));
  parts.push(props.head ? props.here : '');
  return parts.filter(Boolean).join(', ');
}

function RowView(props: IRowProps): JSX.Element {
  const { state, trans, head } = props;
  const outcome = outcomeName(state, trans);
  const inexact = Object.entries(state.inexact);
  const { shown, more } = few(changesOf(state, trans), NAMES);
  const named = [
    ...props.branches.map(name => ({ name, tag: false, said: trans.__('branch %1', name) })),
    ...props.tags.map(name => ({ name, tag: true, said: trans.__('tag %1', name) }))
  ];
  const refs = few(named, REFS);
  const classes = [
    'timeslip-Row',
    props.selected ? 'timeslip-mod-selected' : '',
    props.active ? 'timeslip-mod-active' : '',
    head ? 'timeslip-mod-head' : ''
  ];
  return (
    <div
      id={`timeslip-row-${state.id}`}
      className={classes.filter(Boolean).join(' ')}
      role="option"
      aria-selected={props.selected}
      aria-setsize={props.count}
      aria-posinset={props.index + 1}
      aria-label={spoken(props)}
      data-commit={state.id}
      data-count={state.count ?? undefined}
      style={{ height: ROW }}
      onClick={event => props.onPick(props.index, event)}
      onDoubleClick={() => props.onGo(props.index)}
    >
      <Gutter row={props.lanes} height={ROW} width={props.gutter} head={head} failed={state.outcome !== 'ok'} />
      <div className="timeslip-Row-text">
        <div className="timeslip-Row-line">
          {state.count !== null && <span className="timeslip-Count">In[{state.count}]</span>}
          {state.first ? (
            <code className="timeslip-Code-first">{state.first}</code>
          ) : (
            <span className="timeslip-Kind">{state.message || kindName(state, trans)}</span>
          )}
        </div>
        <div className="timeslip-Row-line timeslip-Row-second">
          {outcome && (
            <span className="timeslip-Failed" title={state.error ?? undefined}>
              {outcome}
            </span>
          )}
          {head && <span className="timeslip-Here">{props.here}</span>}
          {refs.shown.map(ref => (
            <span key={ref.said} className={`timeslip-Ref${ref.tag ? ' timeslip-mod-tag' : ''}`} title={ref.said}>
              {ref.name}
            </span>
          ))}
          {refs.more > 0 && (
            <span className="timeslip-Ref" title={named.map(ref => ref.said).join('\n')}>
              +{refs.more}
            </span>
          )}
          {inexact.length > 0 && (
            <span
              className="timeslip-Inexact"
              title={inexact.map(([name, why]) => `${name}: ${why}`).join('\n')}
            >
              ≈
            </span>
          )}
          <span className="timeslip-Changes">
            {state.message && state.first && <em>{state.message} </em>}
            {shown.map(change => (
              <span key={change.name} className={`timeslip-Change timeslip-mod-${change.kind}`}>
                <b>{change.name}</b> {change.how}
              </span>
            ))}
            {more > 0 && <span className="timeslip-Change">{trans.__('and %1 more', more)}</span>}
          </span>
          <span className="timeslip-Dim">
            <span className="timeslip-Wide">
              {[duration(state.duration), state.bytes > 0 ? size(state.bytes) : '', ''].filter(Boolean).join(' · ')}
              {' · '}
            </span>
            <time title={moment(state.started)}>{when(state.started, new Date())}</time>
          </span>
        </div>
      </div>
    </div>
  );
}

export const Row = React.memo(RowView);
