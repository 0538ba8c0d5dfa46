/** The states as a list with the graph beside it. Only the rows that are seen exist. */
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { IState } from '../logic/contract';
import { connected } from '../logic/filter';
import { layout } from '../logic/lanes';
import { HistoryModel } from '../logic/model';
import { follow, scrollFor, windowOf } from '../logic/windowing';
import { gutterWidth } from './gutter';
import { Row, ROW } from './row';

export interface IListProps {
  model: HistoryModel;
  revision: number;
  states: IState[];
  selection: string[];
  trans: TranslationBundle;
  /** What the state that the session is at is marked with. */
  here: string;
  onSelect: (ids: string[]) => void;
  onGo: (state: IState) => void;
}

const NOTHING: string[] = [];

export function List(props: IListProps): JSX.Element {
  const { model, revision, states, selection, trans } = props;
  const view = React.useRef<HTMLDivElement>(null);
  const [top, setTop] = React.useState(0);
  const [height, setHeight] = React.useState(400);
  const [active, setActive] = React.useState<string | null>(null);

  const graph = React.useMemo(
    () => layout(connected(model, states), model.lineOf(model.head)),
    [model, revision, states]
  );
  const refs = React.useMemo(() => {
    const found = new Map<string, { branches: string[]; tags: string[] }>();
    for (const [kind, names] of [['branches', model.branches], ['tags', model.tags]] as const) {
      for (const [name, id] of Object.entries(names)) {
        const there = found.get(id) ?? { branches: [], tags: [] };
        there[kind].push(name);
        found.set(id, there);
      }
    }
    return found;
  }, [model, revision]);

  React.useLayoutEffect(() => {
    const node = view.current!;
    const observer = new ResizeObserver(() => setHeight(node.clientHeight));
    observer.observe(node);
    setHeight(node.clientHeight);
    return () => observer.disconnect();
  }, []);

  const places = React.useMemo(() => new Map(states.map((state, index) => [state.id, index])), [states]);
  const activeId = active !== null && places.has(active) ? active : selection[0] ?? null;
  const activeIndex = activeId === null ? -1 : places.get(activeId) ?? -1;
  const { first, end, offset, height: whole } = windowOf(top, height, ROW, states.length);

  // Where the session was in the list before: what is new on top moves everything else.
  const was = React.useRef<{ head: string | null; index: number }>({ head: null, index: -1 });
  React.useLayoutEffect(() => {
    const { head } = model;
    const index = head === null ? -1 : places.get(head) ?? -1;
    const node = view.current!;
    if (head !== was.current.head) {
      node.scrollTop = follow(was.current.index, index, node.scrollTop, node.clientHeight, ROW);
    }
    was.current = { head, index };
  });

  const reveal = (index: number) => {
    const node = view.current!;
    node.scrollTop = scrollFor(index, node.scrollTop, node.clientHeight, ROW);
  };

  const pick = (index: number, several: boolean) => {
    const id = states[index].id;
    setActive(id);
    reveal(index);
    if (several) {
      // Two states can be compared: the newest pick and the one before it.
      const rest = selection.filter(one => one !== id);
      props.onSelect(rest.length === selection.length ? [id, ...rest].slice(0, 2) : rest);
    } else {
      props.onSelect([id]);
    }
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height / ROW) - 1);
    const moves: { [key: string]: number } = {
      ArrowDown: activeIndex + 1,
      ArrowUp: activeIndex - 1,
      PageDown: activeIndex + page,
      PageUp: activeIndex - page,
      Home: 0,
      End: states.length - 1
    };
    if (event.key in moves && states.length) {
      // Before anything is picked, the arrows begin at the top.
      const wanted = activeIndex === -1 && event.key !== 'End' ? 0 : moves[event.key];
      const index = Math.min(states.length - 1, Math.max(0, wanted));
      if (event.ctrlKey || event.metaKey) {
        setActive(states[index].id);
        reveal(index);
      } else {
        pick(index, event.shiftKey);
      }
    } else if (event.key === ' ' && activeIndex !== -1) {
      pick(activeIndex, true);
    } else if (event.key === 'Enter' && activeIndex !== -1) {
      props.onGo(states[activeIndex]);
    } else if (event.key === 'Escape' && selection.length) {
      props.onSelect([]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const onPick = React.useRef((_index: number, _event: React.MouseEvent) => undefined as void);
  onPick.current = (index, event) => pick(index, event.ctrlKey || event.metaKey || event.shiftKey);
  const onGo = React.useRef((_index: number) => undefined as void);
  onGo.current = index => props.onGo(states[index]);
  const picked = React.useCallback((index: number, event: React.MouseEvent) => onPick.current(index, event), []);
  const gone = React.useCallback((index: number) => onGo.current(index), []);

  return (
    <div
      ref={view}
      className="timeslip-List"
      role="listbox"
      tabIndex={0}
      aria-label={trans.__('States, newest first')}
      aria-multiselectable="true"
      aria-activedescendant={
        activeIndex >= first && activeIndex < end ? `timeslip-row-${activeId}` : undefined
      }
      onScroll={event => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" style={{ height: whole, position: 'relative' }}>
        <div role="presentation" style={{ transform: `translateY(${offset}px)` }}>
          {states.slice(first, end).map((state, place) => {
            const named = refs.get(state.id);
            return (
              <Row
                key={state.id}
                state={state}
                lanes={graph.rows[first + place]}
                gutter={gutterWidth(graph.width)}
                index={first + place}
                count={states.length}
                head={state.id === model.head}
                selected={selection.includes(state.id)}
                active={state.id === activeId}
                branches={named?.branches ?? NOTHING}
                tags={named?.tags ?? NOTHING}
                trans={trans}
                here={props.here}
                onPick={picked}
                onGo={gone}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}
