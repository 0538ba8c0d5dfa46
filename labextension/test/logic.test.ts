import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { canonical, ICellJson, isOf, planCells, Step } from '../src/logic/cells';
import { grouped, unified } from '../src/logic/differences';
import { connected, filtered, namesOf, NO_FILTER, ownFirst } from '../src/logic/filter';
import { duration, few, localeFor, size, when } from '../src/logic/formats';
import { layout } from '../src/logic/lanes';
import { HistoryModel } from '../src/logic/model';
import { matched, pieces } from '../src/logic/keeping';
import { spoken } from '../src/logic/spoken';
import { translateSchema } from '../src/logic/schema';
import { firstLine, runsOf, standings } from '../src/logic/staleness';
import { comparisonTable, notShown, tableOf } from '../src/logic/tables';
import { Turns } from '../src/logic/turns';
import { follow, scrollFor, windowOf } from '../src/logic/windowing';
import { chain, history, state } from './helpers';

function modelOf(...args: Parameters<typeof history>): HistoryModel {
  const model = new HistoryModel();
  model.replace(history(...args));
  return model;
}

test('a line is one lane without anything beside it', () => {
  const { rows, width } = layout(chain('a', 'b', 'c'), new Set(['a', 'b', 'c']));
  assert.equal(width, 1);
  assert.deepEqual(
    rows.map(row => [row.lane, row.above, row.below, row.passing, row.joining]),
    [
      [0, false, true, [], []],
      [0, true, true, [], []],
      [0, true, false, [], []]
    ]
  );
});

test('where the session is stays at the left, though something newer was tried beside it', () => {
  // a - b (head), and a - x - y left behind, newer than b
  const nodes = [state('y', ['x']), state('x', ['a']), state('b', ['a']), state('a')];
  const { rows, width } = layout(nodes, new Set(['a', 'b']));
  assert.equal(width, 2);
  assert.deepEqual(rows.map(row => row.lane), [1, 1, 0, 0]);
  assert.deepEqual(rows[2], { lane: 0, above: false, below: true, passing: [1], joining: [], leaving: [] });
  assert.deepEqual(rows[3].joining, [1]);
});

test('a lane is used again once its branch has ended', () => {
  // Two branches of different times: b from a, d from c; the line is a c e
  const nodes = [
    state('e', ['c']),
    state('d', ['c']),
    state('c', ['a']),
    state('b', ['a']),
    state('a')
  ];
  const { rows, width } = layout(nodes, new Set(['a', 'c', 'e']));
  assert.equal(width, 2);
  assert.deepEqual(rows.map(row => row.lane), [0, 1, 0, 1, 0]);
});

test('a merge leads to both parents', () => {
  const nodes = [state('m', ['b', 'x']), state('b', ['a']), state('x', ['a']), state('a')];
  const { rows } = layout(nodes, new Set(['m', 'b', 'a']));
  assert.deepEqual(rows[0].leaving, [1]);
  assert.deepEqual(rows[1].passing, [1]);
  assert.equal(rows[2].lane, 1);
});

test('parents that are not shown end the line', () => {
  const { rows } = layout([state('b', ['not there'])], new Set(['b']));
  assert.equal(rows[0].below, false);
});

test('five thousand states with many branches are laid out in no time', () => {
  const nodes = Array.from({ length: 5000 }, (_, index) =>
    state(`s${index}`, index % 7 ? [`s${index + 1}`] : [`s${Math.min(4999, index + 13)}`])
  );
  const started = process.hrtime.bigint();
  layout(nodes, new Set());
  assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 500);
});

test('only the rows that are seen are there', () => {
  assert.deepEqual(windowOf(0, 400, 40, 5000, 2), { first: 0, end: 12, offset: 0, height: 200000 });
  const middle = windowOf(100000, 400, 40, 5000, 2);
  assert.deepEqual([middle.first, middle.end, middle.offset], [2498, 2512, 99920]);
  const past = windowOf(999999, 400, 40, 20, 2);
  assert.deepEqual([past.first, past.end], [8, 20]);
  assert.deepEqual(windowOf(0, 400, 40, 0, 2), { first: 0, end: 0, offset: 0, height: 0 });
});

test('a row is scrolled to only when it is not seen', () => {
  assert.equal(scrollFor(3, 0, 400, 40), 0);
  assert.equal(scrollFor(12, 0, 400, 40), 120);
  assert.equal(scrollFor(1, 200, 400, 40), 40);
});

test('the list goes with the session as long as it is looked at', () => {
  assert.equal(follow(9, 10, 0, 400, 40), 40, 'one further down');
  assert.equal(follow(1, 0, 0, 400, 40), 0, 'a new state on top');
  assert.equal(follow(30, 2, 1000, 400, 40), 80, 'far away');
  assert.equal(follow(0, 5, 1000, 400, 40), 1000, 'somebody looks at old states');
  assert.equal(follow(-1, 50, 0, 400, 40), 1640, 'when the list appears');
  assert.equal(follow(0, -1, 0, 400, 40), 0, 'before the first state, or filtered away');
  assert.equal(follow(0, 5, 0, 0, 40), 0, 'nothing is seen of it');
});

test('the next event is applied, an old one is not, a later one is a gap', () => {
  const model = modelOf(chain('a', 'b'), 'b');
  const event = { event: 'recorded' as const, head: 'c', branch: 'main', state: state('c', ['b']) };
  assert.equal(model.apply({ ...event, seq: 1 }), 'old');
  assert.equal(model.apply({ ...event, seq: 3 }), 'gap');
  assert.equal(model.head, 'b');
  assert.equal(model.apply({ ...event, seq: 2 }), 'applied');
  assert.deepEqual(model.order, ['c', 'b', 'a']);
  assert.equal(model.head, 'c');
  assert.equal(model.branches.main, 'c');
});

test('an event before any history is a gap', () => {
  assert.equal(new HistoryModel().apply({ event: 'moved', seq: 5, head: 'x', branch: 'main' }), 'gap');
});

test('moving to a state that is not known here is a gap', () => {
  const model = modelOf(chain('a', 'b'), 'b');
  assert.equal(model.apply({ event: 'moved', seq: 2, head: 'q', branch: 'main' }), 'gap');
});

test('recording, saving and paused are told, and end', () => {
  const model = modelOf(chain('a'), 'a');
  const place = { head: 'a', branch: 'main' };
  model.apply({ event: 'recording', seq: 2, ...place });
  assert.equal(model.activity, 'recording');
  model.apply({ event: 'paused', seq: 3, why: 'the disk is full', ...place });
  assert.deepEqual([model.activity, model.why], ['paused', 'the disk is full']);
  model.apply({ event: 'resumed', seq: 4, ...place });
  assert.deepEqual([model.activity, model.why], ['idle', null]);
});

test('a refresh keeps older pages that it joins', () => {
  const [d, c, b, a] = chain('a', 'b', 'c', 'd');
  const model = modelOf([c, b], 'c', { more: true });
  model.extend(history([a], 'c', { more: false }));
  assert.deepEqual(model.order, ['c', 'b', 'a']);
  model.refresh(history([d, c], 'd', { seq: 9, more: true }));
  assert.deepEqual(model.order, ['d', 'c', 'b', 'a']);
  assert.equal(model.more, false);
  assert.equal(model.seq, 9);
});

test('a refresh that does not join replaces everything', () => {
  const model = modelOf(chain('a', 'b'), 'b');
  model.refresh(history(chain('x', 'y'), 'y', { seq: 4, more: true }));
  assert.deepEqual(model.order, ['y', 'x']);
});

test('text is looked for in code, names, messages and references', () => {
  const model = modelOf(
    [
      state('c', ['b'], { first: 'df = clean(df)', changed: ['df'], count: 3 }),
      state('b', ['a'], { first: 'model.fit(X)', changed: ['model'], count: 2, message: 'good one' }),
      state('a', [], { first: 'import pandas', created: ['pd'], count: 1 })
    ],
    'c',
    { tags: { v1: 'a' } }
  );
  const ids = (text: string) => filtered(model, { ...NO_FILTER, text }).map(one => one.id);
  assert.deepEqual(ids('CLEAN df'), ['c']);
  assert.deepEqual(ids('good'), ['b']);
  assert.deepEqual(ids('v1'), ['a']);
  assert.deepEqual(ids('in[2]'), ['b']);
  assert.deepEqual(ids('  '), ['c', 'b', 'a']);
  assert.deepEqual(ids('nothing like it'), []);
});

test('blame: only the states that touched a name', () => {
  const model = modelOf(
    [
      state('c', ['b'], { deleted: ['df'] }),
      state('b', ['a'], { changed: ['other'] }),
      state('a', [], { created: ['df'] })
    ],
    'c'
  );
  assert.deepEqual(filtered(model, { ...NO_FILTER, name: 'df' }).map(one => one.id), ['c', 'a']);
  assert.deepEqual(namesOf(model), ['df', 'other']);
});

test('a branch is what leads to its tip; what is left out is bridged', () => {
  const model = modelOf(
    [state('y', ['x']), state('b', ['a']), state('x', ['a']), state('a')],
    'b',
    { branches: { main: 'b', idea: 'y' } }
  );
  const shown = filtered(model, { ...NO_FILTER, branch: 'idea' });
  assert.deepEqual(shown.map(one => one.id), ['y', 'x', 'a']);
  const only = model.states.filter(one => one.id === 'y' || one.id === 'a');
  assert.deepEqual(connected(model, only), [
    { id: 'y', parents: ['a'] },
    { id: 'a', parents: [] }
  ]);
});

test('cells whose run does not lead to the live state are stale', () => {
  // a - b - c, and the session went back to b
  const model = modelOf(chain('a', 'b', 'c'), 'b');
  const cells = [1, 2, 3, 9, null].map(count => ({ id: `cell${count}`, count, source: '' }));
  assert.deepEqual(
    [...standings(model, cells)],
    [
      ['cell1', 'current'],
      ['cell2', 'here'],
      ['cell3', 'stale'],
      ['cell9', 'unknown'],
      ['cellnull', 'unknown']
    ]
  );
});

test('a checkout that was recorded as a state of its own is at the run before it', () => {
  const model = modelOf([state('k', ['a'], { kind: 'checkout', count: null }), ...chain('a')], 'k');
  assert.equal(standings(model, [{ id: 'x', count: 1, source: '' }]).get('x'), 'here');
});

test('what was brought back without a run is not said to be as it was after the last one', () => {
  const back = state('k', ['b'], { kind: 'checkout', changed: ['x'] });
  const model = modelOf([back, ...chain('a', 'b')], 'k');
  const cells = [1, 2].map(count => ({ id: `cell${count}`, count, source: '' }));
  assert.deepEqual([...standings(model, cells).values()], ['current', 'near']);
});

test('of runs with the same count, a cell is the one whose first line it has', () => {
  const old = state('old', [], { count: 1, first: 'x = 1' });
  const fresh = state('fresh', [], { count: 1, first: 'y = 2' });
  const model = modelOf([fresh, old], 'fresh');
  const cells = ['x = 1\nx', 'y = 2', 'edited since'].map(source => ({ id: source, count: 1, source }));
  assert.deepEqual([...standings(model, cells).values()], ['stale', 'here', 'here']);
  assert.deepEqual(runsOf(model, 1, 'x = 1').map(run => run.id), ['old']);
});

test('cells are kept with the commit of their own run', () => {
  const model = modelOf([...chain('a', 'b', 'c', 'd')], 'd');
  const found = matched(model, [4, 3, 7, 1], new Set(['a', 'b']));
  assert.deepEqual(found.map(([count, run]) => [count, run.id]), [[3, 'c'], [4, 'd']]);
});

test('dates are in the language of the page, as it is spoken where the user is', () => {
  assert.equal(localeFor('en', ['de-AT', 'en-GB', 'en']), 'en-GB');
  assert.equal(localeFor('pt_BR', ['en-US']), 'pt-BR');
  assert.equal(localeFor('de', ['en-US']), 'de');
  assert.equal(localeFor('no such language', []), undefined);
});

test('titles and explanations of settings are translated, each with its context', () => {
  const bundle = { pgettext: (context: string, text: string) => `${context}: ${text}` };
  const schema = { title: 'T', type: 'object', properties: { a: { title: 'A', description: 'D', default: 'no' }, b: {} } };
  translateSchema(schema, bundle);
  assert.deepEqual(schema, {
    title: 'schema: T',
    type: 'object',
    properties: { a: { title: 'settings: A', description: 'settings: D', default: 'no' }, b: {} }
  });
});

test('steps are done one after the other, and none behind one that was refused', async () => {
  const turns = new Turns();
  const [one, other] = [{}, {}];
  const done: string[] = [];
  const step = (name: string, result: boolean) => async () => {
    await new Promise(resolve => setTimeout(resolve, 2));
    done.push(name);
    return result;
  };
  const told = [turns.take(one, step('a', true)), turns.take(one, step('b', false)), turns.take(one, step('c', true))];
  const beside = turns.take(other, step('x', true));
  assert.deepEqual(await Promise.all(told), [true, false, false]);
  assert.equal(await beside, true);
  assert.deepEqual(done.sort(), ['a', 'b', 'x']);
  assert.equal(await turns.take(one, step('d', true)), true, 'what is asked for later begins anew');
  assert.equal(await turns.take(one, () => Promise.reject(new Error('no'))), false);
  const asking = turns.take(one, async () => {
    turns.drop(one);
    return true;
  });
  assert.deepEqual(await Promise.all([asking, turns.take(one, step('f', true))]), [true, false], 'a question was asked');
  assert.equal(await turns.take(one, step('e', true)), true);
});

test('commands are told as they are typed in a cell', () => {
  assert.equal(spoken('run `timeslip gc`, or `get REF NAME --as NEW`'), 'run `%timeslip gc`, or `%timeslip get REF NAME --as NEW`');
  assert.equal(spoken('`%timeslip log --all` and `logs` and `min_free_bytes`'), '`%timeslip log --all` and `logs` and `min_free_bytes`');
});

test('what was given before is named by its place, and only what differs is given', () => {
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(source => ({ source }));
  assert.deepEqual(pieces([], [a, b]), [a, b]);
  assert.deepEqual(pieces([a, b, c, d], [a, b, c, d]), [[0, 4]]);
  assert.deepEqual(pieces([a, b, c, d], [a, e, c, d]), [[0, 1], e, [2, 2]]);
  assert.deepEqual(pieces([a, b, c, d], [c, d, a, e, { ...b }]), [[2, 2], [0, 1], e, b]);
  assert.deepEqual(pieces([a, b], []), []);
});

test('the first line of code is the first that says something', () => {
  assert.equal(firstLine('\n\n  x = 1\ny = 2'), 'x = 1');
  assert.equal(firstLine(''), '');
});

const cell = (id: string, source: string, more: Partial<ICellJson> = {}): ICellJson => ({
  id,
  cell_type: 'code',
  source,
  metadata: {},
  outputs: [],
  execution_count: null,
  ...more
});

/** What the steps make of *cells*, done as the notebook does them. */
function done(cells: ICellJson[], steps: Step[]): ICellJson[] {
  const work = [...cells];
  for (const step of steps) {
    if (step.do === 'insert') {
      work.splice(step.at, 0, step.cell);
    } else if (step.do === 'move') {
      work.splice(step.to, 0, ...work.splice(step.from, 1));
    } else if (step.do === 'update') {
      work[step.at] = step.cell;
    } else {
      work.splice(step.from, step.end - step.from);
    }
    assert.ok(work.length > 0, 'a notebook is never without cells on the way');
  }
  return work;
}

test('cells become those of the earlier state, with as little touched as possible', () => {
  const now = [cell('a', '1'), cell('b', '2'), cell('c', '3'), cell('new', '4')];
  const then = [cell('c', '3'), cell('a', '1'), cell('was', '0'), cell('b', 'two')];
  const plan = planCells(now, then);
  assert.deepEqual(done(now, plan.steps), then);
  assert.deepEqual([plan.gone, plan.back, plan.changed], [1, 1, 1]);
});

test('the same cells need no steps, however their JSON is written', () => {
  const now = [cell('a', 'x = 1\ny', { metadata: { b: 1, a: 2 } })];
  const then = [{ ...now[0], source: ['x = 1\n', 'y'], metadata: { a: 2, b: 1 } } as ICellJson];
  assert.deepEqual(planCells(now, then).steps, []);
  assert.equal(canonical({ b: [1, { d: null, c: 'x' }] }), '{"b":[1,{"c":"x","d":null}]}');
});

test('a notebook is never emptied', () => {
  assert.throws(() => planCells([cell('a', '1')], []));
});

test('cells without ids are told apart by their place only', () => {
  const then = [{ cell_type: 'code', source: 'x' }];
  assert.deepEqual(done([cell('a', '1')], planCells([cell('a', '1')], then).steps), then);
});

test('random notebooks become each other', () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  const notebook = () => {
    const ids = Array.from({ length: 1 + random(8) }, () => `c${random(12)}`);
    return [...new Set(ids)].map(id => cell(id, String(random(3))));
  };
  for (let round = 0; round < 500; round++) {
    const [now, then] = [notebook(), notebook()];
    assert.deepEqual(done(now, planCells(now, then).steps), then);
  }
});

test('lines of a unified diff are numbered as in both texts', () => {
  const lines = unified(['--- a', '+++ b', '@@ -2,2 +2,3 @@', ' same', '-old', '+new', '+more']);
  assert.deepEqual(
    lines.map(line => [line.kind, line.text, line.a, line.b]),
    [
      ['place', '@@ -2,2 +2,3 @@', null, null],
      ['same', 'same', 2, 2],
      ['removed', 'old', 3, null],
      ['added', 'new', null, 3],
      ['added', 'more', null, 4]
    ]
  );
});

test('a line of code that begins with dashes is no header', () => {
  const lines = unified(['--- a', '+++ b', '@@ -1 +1 @@', '--- x', '+++ y']);
  assert.deepEqual(lines.slice(1).map(line => [line.kind, line.text]), [['removed', '-- x'], ['added', '++ y']]);
});

test('values are grouped by what happened to them', () => {
  const groups = grouped([
    { name: 'z', change: 'deleted' },
    { name: 'b', change: 'changed' },
    { name: 'n', change: 'created' },
    { name: 'a', change: 'changed' }
  ]);
  assert.deepEqual(
    groups.map(group => [group.change, ...group.values.map(value => value.name)]),
    [['changed', 'a', 'b'], ['created', 'n'], ['deleted', 'z']]
  );
});

test('times and sizes are short', () => {
  assert.deepEqual([0.0004, 0.012, 0.25, 2.34, 42, 60, 3600, 5400].map(duration), [
    '0 ms', '12 ms', '0.3 s', '2.3 s', '42 s', '1 min', '1 h', '1 h 30 min'
  ]);
  assert.equal(duration(null), '');
  assert.deepEqual([0, 999, 1000, 12345, 999499, 999600, 2.5e9].map(size), [
    '0 B', '999 B', '1.0 kB', '12 kB', '999 kB', '1.0 MB', '2.5 GB'
  ]);
  const now = new Date(2026, 5, 15, 12, 0);
  assert.equal(when(new Date(2026, 5, 15, 9, 5).getTime() / 1000, now, 'en-GB').replace(/^0/, ''), '9:05');
  assert.equal(when(new Date(2026, 5, 14, 9, 5).getTime() / 1000, now, 'en-GB'), '14 Jun');
  assert.equal(when(new Date(2025, 11, 31).getTime() / 1000, now, 'en-GB'), '31 Dec 2025');
});

test('one more name is written out, not counted', () => {
  assert.deepEqual(few(['a', 'b', 'c'], 2), { shown: ['a', 'b', 'c'], more: 0 });
  assert.deepEqual(few(['a', 'b', 'c', 'd'], 2), { shown: ['a', 'b'], more: 2 });
});

test('frames over each other: what a cell was stands before what it is', () => {
  const frame = {
    shape: { a: [60, 2], b: [60, 2] },
    columns: [
      { name: 'n', change: 'retyped', dtype_a: 'int64', dtype_b: 'float64', cells: 1 },
      { name: 'old', change: 'removed', dtype_a: 'str', dtype_b: null, cells: 0 },
      { name: 'new', change: 'added', dtype_a: null, dtype_b: 'bool', cells: 0 },
      { name: 'k', change: 'same', dtype_a: 'str', dtype_b: 'str', cells: 0 }
    ],
    rows: [{ label: '7', a: ['1', 'x', null, 'k'], b: ['1.5', null, 'True', 'k'], changed: [true, false, false, false] }],
    first: 7,
    of: 60,
    changed_rows: 1,
    changed_cells: 1,
    rows_added: 0,
    rows_removed: 0,
    renamed: [],
    hidden_columns: 3,
    note: ''
  };
  const table = comparisonTable(frame);
  assert.deepEqual(table.columns.map(column => [column.change, column.dtype]), [
    ['retyped', 'int64 → float64'],
    ['removed', 'str'],
    ['added', 'bool'],
    ['', 'str']
  ]);
  assert.deepEqual(table.rows[0].cells.map(one => [one.was, one.text]), [
    ['1', '1.5'],
    [null, 'x'],
    [null, 'True'],
    [null, 'k']
  ]);
  assert.deepEqual(notShown(frame), { rows: 59, columns: 3 });
});

test('a value without columns is no table', () => {
  assert.equal(tableOf({ name: 'x', text: '3' }), null);
  const table = tableOf({ name: 's', columns: [{ name: 'a', dtype: 'int64' }], index: ['0'], rows: [['1']] });
  assert.deepEqual(table?.rows, [{ label: '0', cells: [{ text: '1', was: null, changed: false }] }]);
});

test('an event brings all states since the one before, or says that there were too many', () => {
  const model = modelOf(chain('a'), 'a');
  const [c, b] = chain('a', 'b', 'c');
  const event = { event: 'recorded' as const, head: 'c', branch: 'main', state: c, states: [c, b] };
  assert.equal(model.apply({ ...event, seq: 2 }), 'applied');
  assert.deepEqual(model.order, ['c', 'b', 'a']);
  assert.equal(model.apply({ ...event, seq: 3, more: true }), 'gap');
});

test('what was forgotten is asked for again', () => {
  const model = modelOf(chain('a'), 'a');
  const event = { event: 'rewritten' as const, seq: 2, head: 'a', branch: 'main', state: null, states: [], more: true };
  assert.equal(model.apply(event), 'gap');
  assert.equal(model.rewritten, 1);
});

test('names of the user stand before results of cells', () => {
  const names = ['Out[2]', 'b', '_', '_3', '_own', 'a'].map(name => ({ name }));
  assert.deepEqual(ownFirst(names).map(one => one.name), ['b', '_own', 'a', 'Out[2]', '_', '_3']);
});

test('cells of another notebook on the same kernel are not those of this one', () => {
  const cells = (...ids: string[]) => ids.map(id => ({ id, cell_type: 'code', source: '' }));
  const now = cells('a', 'b');
  assert.equal(isOf({ cells: cells('x') }, 'n.ipynb', now, []), true, 'an older release has not said of which');
  assert.equal(isOf({ cells: cells('x'), metadata: { path: 'n.ipynb' } }, 'n.ipynb', now, []), true);
  assert.equal(isOf({ cells: cells('x'), metadata: { path: 'm.ipynb' } }, 'n.ipynb', now, []), false);
  assert.equal(isOf({ cells: cells('b', 'c'), metadata: { path: 'm.ipynb' } }, 'n.ipynb', now, []), true, 'renamed');
  assert.equal(isOf({ cells: cells('b', 'c'), metadata: { path: 'm.ipynb' } }, 'n.ipynb', now, ['m.ipynb']), false, 'a copy');
});

test('what the kernel does now takes the place of what was told before', () => {
  const model = modelOf([state('a')], 'a');
  model.settle('the disk is full', false);
  assert.deepEqual([model.activity, model.why], ['paused', 'the disk is full']);
  model.settle(null, true);
  assert.deepEqual([model.activity, model.why], ['saving', null]);
  model.settle(null, false);
  assert.equal(model.activity, 'idle');
});
