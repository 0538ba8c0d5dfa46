/** The link to a kernel, with a kernel that says what the test wants. */
import assert from 'node:assert';
import { test } from 'node:test';

import { Signal } from '@lumino/signaling';

import { Fault, IRan, KernelLink } from '../src/kernel/link';

(globalThis as any).window = globalThis;

/** Nothing is translated. */
const TRANS = { __: (text: string) => text } as any;

const HELLO = { version: 1, package: '0.1.0', session: 's', name: 'n', python: '3.12.0' };

/** A comm, with what the kernel does when it is opened. */
class FakeComm {
  static made = 0;
  isDisposed = false;
  readonly commId = `comm${FakeComm.made++}`;
  onMsg: (message: any) => void = () => undefined;
  onClose: (message: any) => void = () => undefined;

  constructor(private readonly opened: (comm: FakeComm) => void) {}

  open(): any {
    this.opened(this);
    return { done: Promise.resolve() };
  }

  /** What is asked is done with at once; whether there is an answer is up to the test. */
  send(data: any): any {
    this.sent.push(data);
    this.answer(data);
    return { done: Promise.resolve() };
  }

  sent: any[] = [];
  answer: (data: any) => void = () => undefined;

  close(): void {
    this.isDisposed = true;
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

class FakeKernel {
  status = 'idle';
  handleComms = true;
  connectionStatus = 'connected';
  isDisposed = false;
  anyMessage = new Signal<this, any>(this);
  iopubMessage = new Signal<this, any>(this);
  connectionStatusChanged = new Signal<this, any>(this);
  asked: any[] = [];
  /** What an execute request of the link is answered with. */
  answer: any = { status: 'ok' };
  process = 'first';
  opened = (comm: FakeComm) =>
    comm.onMsg({ header: { session: this.process }, content: { data: { hello: HELLO } } });

  constructor(private readonly language = 'python') {}

  get info(): Promise<any> {
    return Promise.resolve({ language_info: { name: this.language } });
  }

  createComm(): FakeComm {
    const comm = new FakeComm(one => this.opened(one));
    this.comms.push(comm);
    return comm;
  }

  comms: FakeComm[] = [];

  requestExecute(content: any): any {
    this.asked.push(content);
    const msg = { header: { msg_id: `own${this.asked.length}`, msg_type: 'execute_request' }, content };
    this.anyMessage.emit({ msg, direction: 'send' });
    const done = this.answer ? Promise.resolve({ content: this.answer }) : Promise.reject(new Error('Canceled future'));
    return { msg, done };
  }

  /** Whether it has its end of what was opened. */
  remembers = true;

  requestCommInfo(): Promise<any> {
    const comms = Object.fromEntries(this.comms.map(comm => [comm.commId, { target_name: '' }]));
    return Promise.resolve({ content: { status: 'ok', comms: this.remembers ? comms : {} } });
  }

  requestKernelInfo(): Promise<any> {
    return this.informs();
  }

  informs: () => Promise<any> = () => Promise.resolve({});

  connection(status: string): void {
    this.connectionStatus = status;
    this.connectionStatusChanged.emit(status);
  }

  /** The page asks for a cell. */
  cell(id: string): void {
    const header = { msg_id: id, msg_type: 'execute_request' };
    const msg = { header, metadata: { cellId: `cell of ${id}` }, content: { silent: false, code: '' } };
    this.anyMessage.emit({ msg, direction: 'send' });
  }

  says(id: string, type: string, content: any): void {
    this.iopubMessage.emit({
      header: { msg_type: type, session: this.process },
      parent_header: { msg_id: id, msg_type: 'execute_request' },
      content
    });
  }

  begins(id: string, count: number): void {
    this.says(id, 'status', { execution_state: 'busy' });
    this.says(id, 'execute_input', { execution_count: count });
  }

  ends(id: string): void {
    this.says(id, 'status', { execution_state: 'idle' });
  }
}

function linked(kernel: FakeKernel): KernelLink {
  return new KernelLink(kernel as any, TRANS);
}

test('between two cells of "run all" the kernel is not free', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  assert.equal(await link.busy(0), false);
  kernel.cell('a');
  kernel.cell('b');
  kernel.begins('a', 1);
  kernel.ends('a');
  assert.equal(await link.busy(0), true, 'b waits for its turn');
  kernel.begins('b', 2);
  kernel.ends('b');
  assert.equal(await link.busy(0), false);
});

test('a cell that is dropped because one before it failed does not count as running for ever', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  kernel.cell('a');
  const reply = { header: { msg_type: 'execute_reply' }, parent_header: { msg_id: 'a' }, content: { status: 'aborted' } };
  kernel.anyMessage.emit({ msg: reply, direction: 'recv' });
  assert.equal(await link.busy(0), false);
  kernel.cell('b');
  kernel.connection('connecting');
  assert.equal(await link.busy(0), false, 'its end may have been told while nobody heard');
});

test('a cell whose end nobody heard does not count as running for ever', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await link.start();
  kernel.begins('of another page', 1);
  kernel.connection('connecting');
  assert.equal(link.isReachable, false);
  kernel.connection('connected');
  assert.equal(await link.busy(0), true, 'nobody knows yet');
  kernel.iopubMessage.emit({
    header: { msg_type: 'status', session: kernel.process },
    parent_header: { msg_id: 'c', msg_type: 'comm_msg' },
    content: { execution_state: 'idle' }
  });
  assert.equal(await link.busy(0), true, 'a subshell answers while a cell runs');
  kernel.ends('own2');
  assert.equal(await link.busy(0), false, 'what was asked between cells has ended');
  assert.equal(link.isOn, true);
});

test('what was asked before the connection was lost is asked again, and what was done is not waited for', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await link.start();
  const asked = link.ask('history');
  const answers = kernel.requestExecute.bind(kernel);
  kernel.requestExecute = content => ({ ...answers(content), done: new Promise(() => undefined) });
  const performed = link.perform(['undo']);
  kernel.requestExecute = answers;
  kernel.connection('connecting');
  const comm = kernel.comms[0];
  comm.answer = data => comm.onMsg({ content: { data: { id: data.id, answer: 'here it is' } } });
  kernel.connection('connected');
  assert.equal(await asked, 'here it is');
  await assert.rejects(performed, (error: Fault) => /connection to the kernel was lost/.test(error.fault.message));
});

test('recording that has begun anew while nobody heard is connected to again', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await link.start();
  kernel.connection('disconnected');
  kernel.remembers = false;
  kernel.answer = { status: 'ok', user_expressions: { timeslip: { data: { 'text/plain': 'True' } } } };
  kernel.connection('connected');
  await new Promise(resolve => globalThis.setTimeout(resolve, 10));
  assert.equal(link.isOn, true);
  assert.deepEqual(kernel.comms.map(comm => comm.isDisposed), [true, true, false, false]);
});

test('to start is tried again when the connection was lost on the way; the first connection is none', async () => {
  const kernel = new FakeKernel();
  kernel.connectionStatus = 'connecting';
  const link = linked(kernel);
  const answers = kernel.requestExecute.bind(kernel);
  kernel.requestExecute = content => ({ ...answers(content), done: new Promise(() => undefined) });
  const started = link.start();
  kernel.connection('connected');
  await new Promise(resolve => globalThis.setTimeout(resolve, 5));
  assert.equal(kernel.asked.length, 1);
  kernel.connection('connecting');
  kernel.requestExecute = answers;
  kernel.connection('connected');
  await started;
  await new Promise(resolve => globalThis.setTimeout(resolve, 5));
  assert.equal(link.isOn, true);
});

test('a kernel that was started again and says nothing is asked', async context => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await link.start();
  link.reset(true);
  kernel.status = 'starting';
  quickly(context);
  let asked = 0;
  kernel.informs = () => (++asked < 3 ? new Promise(() => undefined) : Promise.resolve({}));
  assert.equal(await link.answers(), true);
  assert.equal(asked, 3, 'until it answers');
  kernel.status = 'dead';
  assert.equal(await link.answers(), false);
});

test('what is too long for one message goes in pieces, where the kernel knows them', async () => {
  const cells = 'x'.repeat(4000000);
  for (const pieces of [true, undefined]) {
    const kernel = new FakeKernel();
    kernel.opened = comm =>
      comm.onMsg({ header: { session: kernel.process }, content: { data: { hello: { ...HELLO, pieces } } } });
    const link = linked(kernel);
    await link.start();
    const [comm] = kernel.comms;
    comm.answer = data => {
      if (data.piece === data.of - 1) {
        comm.onMsg({ content: { data: { id: data.id, answer: comm.sent.map(part => part.text).join('') } } });
      }
    };
    const asked = link.ask('keep', { cells });
    if (pieces) {
      assert.deepEqual(JSON.parse(await asked), { id: 1, verb: 'keep', cells });
      assert.equal(comm.sent.length, 3);
    } else {
      await assert.rejects(asked, (error: Fault) => /older than this front end/.test(error.fault.message));
      assert.deepEqual(comm.sent, []);
    }
  }
});

/** A kernel of which another connection of the page handles the comms. */
class OtherConnection extends FakeKernel {
  handleComms = false;
  clientId = 'page';
  username = '';
  supportsSubshells = true;
  commsOverSubshells = 'perCommTarget';
  sent: any[] = [];
  deleted: string[] = [];

  createComm(): FakeComm {
    throw new Error('Comms are disabled on this kernel connection');
  }

  requestCreateSubshell(): any {
    return { done: Promise.resolve({ content: { subshell_id: 'sub' } }) };
  }

  requestDeleteSubshell(content: any): any {
    this.deleted.push(content.subshell_id);
    return { done: Promise.resolve({}) };
  }

  sendShellMessage(message: any): any {
    this.sent.push(message);
    const { comm_id, target_name, data } = message.content;
    if (target_name === 'timeslip.rpc') {
      this.replies('comm_msg', comm_id, { hello: HELLO });
    } else if (data.verb) {
      this.replies('comm_msg', 'of another page', { id: data.id, answer: 'not this' });
      this.replies('comm_msg', comm_id, { id: data.id, answer: `answer to ${data.verb}` });
    }
    return { done: Promise.resolve() };
  }

  replies(type: string, comm_id: string, data: any): void {
    const header = { msg_type: type, session: this.process };
    this.iopubMessage.emit({ header, parent_header: {}, content: { comm_id, data } });
  }
}

test('a notebook beside a console speaks to their kernel, too', async () => {
  const kernel = new OtherConnection();
  const link = linked(kernel);
  await link.start();
  assert.equal(link.isOn, true);
  assert.equal(await link.ask('history'), 'answer to history');
  assert.ok(kernel.sent.every(({ header }) => header.subshell_id === 'sub'), 'it answers while a cell runs');
  kernel.replies('comm_close', kernel.sent[0].content.comm_id, {});
  assert.deepEqual(link.condition, { kind: 'off' });
  assert.deepEqual(kernel.deleted, ['sub', 'sub']);
});

test('a cell of this page has run when it has shown everything; those of others are not told', () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  const ran: IRan[] = [];
  link.ran.connect((_, one) => ran.push(one));
  kernel.cell('a');
  kernel.begins('a', 7);
  assert.deepEqual(ran, []);
  kernel.ends('a');
  kernel.begins('of another page', 8);
  kernel.ends('of another page');
  assert.deepEqual(ran, [{ count: 7, cell: 'cell of a' }]);
});

test('a kernel that is not Python is not asked for anything', async () => {
  const kernel = new FakeKernel('R');
  const link = linked(kernel);
  await link.probe();
  await link.start();
  assert.deepEqual(link.condition, { kind: 'not-python', language: 'R' });
  assert.deepEqual(kernel.asked, []);
});

test('a kernel that closes the comm without a word, or knows no version of ours, is older', async () => {
  for (const said of [{}, { refused: { code: 'version', message: 'speaks version 9' } }]) {
    const kernel = new FakeKernel();
    kernel.opened = comm => comm.onClose({ header: {}, content: { data: said } });
    const link = linked(kernel);
    await link.start();
    assert.deepEqual(link.condition, { kind: 'older' });
  }
});

test('why a kernel cannot be recorded is told', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  kernel.answer = { status: 'error', ename: 'ModuleNotFoundError', evalue: "No module named 'timeslip'" };
  await link.start();
  assert.deepEqual(link.condition, { kind: 'not-installed' });
  kernel.answer = { status: 'error', ename: 'OSError', evalue: 'disk full' };
  await link.start();
  assert.deepEqual(link.condition, { kind: 'failed', fault: { code: 'start', message: 'disk full' } });
});

test('to start twice at once is to start once', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await Promise.all([link.start(), link.start()]);
  assert.equal(link.isOn, true);
  assert.equal(kernel.asked.length, 1);
});

test('a kernel that somebody else has started again is another one', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  let replaced = 0;
  link.replaced.connect(() => (replaced += 1));
  await link.start();
  kernel.ends('a');
  assert.equal(replaced, 0);
  kernel.iopubMessage.emit({
    header: { msg_type: 'status', session: 'of the server' },
    parent_header: {},
    content: { execution_state: 'restarting' }
  });
  assert.equal(replaced, 0, 'the server tells it otherwise');
  kernel.process = 'second';
  kernel.ends('b');
  assert.equal(replaced, 1);
});

test('what was asked of a kernel that has ended is answered with that', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await link.start();
  const asked = link.ask('history');
  link.reset(true);
  await assert.rejects(asked, (error: Fault) => error.fault.code === 'gone');
  assert.deepEqual(link.condition, { kind: 'gone' });
});

/** The time runs as fast as anybody waits. */
function quickly(context: any): void {
  const wait = globalThis.setTimeout;
  context.mock.method(globalThis as any, 'setTimeout', (done: () => void) => wait(done, 1));
}

test('an answer that the server has dropped is asked for again', async context => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await link.start();
  quickly(context);
  const comm = kernel.comms[0];
  comm.answer = data => {
    if (comm.sent.length >= 5) {
      comm.onMsg({ content: { data: { id: data.id, answer: 'here it is' } } });
    }
  };
  assert.equal(await link.ask('history', { before: null }), 'here it is');
  await new Promise(resolve => globalThis.setTimeout(resolve, 20));
  assert.deepEqual(comm.sent, Array(5).fill({ id: 1, verb: 'history', before: null }), 'and no more than that');
});

test('so is the greeting', async context => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  const hears = kernel.opened;
  kernel.opened = comm => (kernel.comms.length > 2 ? hears(comm) : undefined);
  quickly(context);
  await link.start();
  assert.equal(link.isOn, true);
  assert.deepEqual(kernel.comms.map(comm => comm.isDisposed).slice(0, 3), [true, true, false]);
});

test('of a kernel that has ended nothing is asked again', async context => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await link.start();
  quickly(context);
  const asked = link.ask('history');
  link.reset(true);
  await assert.rejects(asked);
  await new Promise(resolve => globalThis.setTimeout(resolve, 20));
  assert.equal(kernel.comms[0].sent.length, 1);
});

test('what is closed before the answer comes is told in words', async () => {
  const kernel = new FakeKernel();
  const link = linked(kernel);
  await link.start();
  kernel.answer = null;
  await assert.rejects(link.perform(['undo']), (error: Fault) => /closed before the answer/.test(error.fault.message));
});
