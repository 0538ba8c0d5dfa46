/**
 * The connection to Timeslip in one kernel: whether it is there, requests, events.
 *
 * Looking goes over a comm of its own that the kernel only answers on, and events come over another one: so both may run
 * in a subshell and answer while a cell runs. What changes something is an execute request, which the kernel does between
 * cells. An older ipykernel answers only after the running cell: nothing here assumes a prompt answer.
 */
import { Kernel, KernelMessage } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { JSONObject } from '@lumino/coreutils';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { IEvent, IFault, IHello, VERSIONS } from '../logic/contract';
import { spoken } from '../logic/spoken';
import { commTo, IComm } from './comm';
import { LOST, pause, Questions } from './questions';

export type Condition =
  | { kind: 'asking' }
  | { kind: 'off' }
  | { kind: 'starting' }
  | { kind: 'on'; hello: IHello }
  | { kind: 'not-python'; language: string }
  | { kind: 'not-installed' }
  | { kind: 'older' }
  | { kind: 'failed'; fault: IFault }
  | { kind: 'gone' };

/** A cell that has run, and shown all that it shows. */
export interface IRan {
  /** Its execution count. */
  count: number;
  /** Its id in the notebook, where that is known. */
  cell: string | null;
}

/** What a verb has refused, with what helps. */
export class Fault extends Error {
  constructor(fault: IFault) {
    super(spoken(fault.message));
    this.fault = { ...fault, message: this.message, hint: fault.hint && spoken(fault.hint) };
  }

  readonly fault: IFault;
}

const ATTACHED =
  "getattr(__import__('sys').modules.get('timeslip.ipython.extension'), 'attached', lambda: None)() is not None";

/** No deadline: the clocks of the browser and of the kernel need not agree. A busy kernel is not asked at all. */
const NEVER = '1e18';

/** In the place of a request: something may be running that this page has not heard of. */
const UNKNOWN = 'unknown';

/** Between two questions to a kernel that has been started again and says nothing, milliseconds. */
const SILENT = 1000;

/** The comm for requests. */
const RPC = 'timeslip.rpc';

/** Something that is being done in the kernel; it can be given up. */
interface IPerformed {
  giveUp: (error: Error) => void;
}

export class KernelLink implements IDisposable {
  constructor(
    readonly kernel: Kernel.IKernelConnection,
    private readonly trans: TranslationBundle
  ) {
    if (kernel.status === 'busy') {
      this._running = UNKNOWN;
    }
    this._hears = kernel.connectionStatus === 'connected';
    kernel.anyMessage.connect(this._onRequest, this);
    kernel.iopubMessage.connect(this._onMessage, this);
    kernel.connectionStatusChanged.connect(this._onConnection, this);
  }

  get condition(): Condition {
    return this._condition;
  }

  get isOn(): boolean {
    return this._condition.kind === 'on';
  }

  get conditionChanged(): ISignal<this, Condition> {
    return this._conditionChanged;
  }

  get event(): ISignal<this, IEvent> {
    return this._event;
  }

  /** A cell that this page has asked for has run. */
  get ran(): ISignal<this, IRan> {
    return this._ran;
  }

  /**
   * The kernel was started again by somebody else: what is open here has ended, and nobody says so.
   *
   * JupyterLab tells it only to the page that asked for it. What the new process sends has another session.
   */
  get replaced(): ISignal<this, void> {
    return this._replaced;
  }

  /** Whether what is said now reaches the kernel. */
  get isReachable(): boolean {
    return this.kernel.connectionStatus === 'connected';
  }

  /** Whether somebody's cell is running, or one of this page waits for its turn. */
  get isRunning(): boolean {
    return this._running !== null || this._cells.size > 0;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._drop(true);
      Signal.clearData(this);
    }
  }

  /** Find out whether the kernel is recorded, and connect if it is. */
  async probe(): Promise<void> {
    if (this.isOn || this._condition.kind === 'starting') {
      return;
    }
    const turn = ++this._turn;
    try {
      if (!(await this._isPython(turn))) {
        return;
      }
      const reply = await this._execute('', { timeslip: ATTACHED });
      if (turn !== this._turn) {
        return;
      }
      if (expression(reply)?.['text/plain'] === 'True') {
        await this._connect(turn);
      } else {
        this._become({ kind: 'off' });
      }
    } catch (error) {
      this._failed(turn, error);
    }
  }

  /** Begin to record the kernel, and connect. */
  start(): Promise<void> {
    if (this._starting === null) {
      const starting = this._start().finally(() => {
        if (this._starting === starting) {
          this._starting = null;
        }
      });
      this._starting = starting;
    }
    return this._starting;
  }

  private async _start(): Promise<void> {
    if (this.isOn) {
      return;
    }
    const turn = ++this._turn;
    try {
      if (!(await this._isPython(turn))) {
        return;
      }
      this._become({ kind: 'starting' });
      const reply = await this._answered(this._execute('%load_ext timeslip', {}));
      if (turn !== this._turn) {
        return;
      }
      if (reply.content.status === 'ok') {
        await this._connect(turn);
        return;
      }
      const { ename, evalue } = reply.content as KernelMessage.IReplyErrorContent;
      if (ename === 'ModuleNotFoundError' && /'timeslip'/.test(evalue)) {
        this._become({ kind: 'not-installed' });
      } else {
        this._become({ kind: 'failed', fault: { code: 'start', message: evalue || ename || this.trans.__('The kernel gave no answer') } });
      }
    } catch (error) {
      this._failed(turn, error);
    }
  }

  /**
   * Whether somebody's cell is running, or waits in the queue, after a moment in which it may just be ending.
   *
   * The status of the kernel does not tell: it is busy for every message, also for those that look. Nor is it enough to
   * know what runs: between two cells of "run all" nothing does, and what is asked for then is done after all of them.
   */
  async busy(moment = 400): Promise<boolean> {
    const end = Date.now() + moment;
    while (this.isRunning && Date.now() < end) {
      await pause(20);
    }
    return this.isRunning;
  }

  /** What this page asks for, and what is only answered: a cell that the kernel drops because one before it failed. */
  private _onRequest(_: Kernel.IKernelConnection, { msg, direction }: Kernel.IAnyMessageArgs): void {
    const content = msg.content as any;
    if (direction === 'send' && msg.header.msg_type === 'execute_request' && !content.silent) {
      this._cells.set(msg.header.msg_id, { count: null, cell: (msg.metadata as any)?.cellId ?? null });
    } else if (direction === 'recv' && msg.header.msg_type === 'execute_reply' && content.status === 'aborted') {
      this._cells.delete((msg.parent_header as any).msg_id);
    }
  }

  private _onMessage(_: Kernel.IKernelConnection, message: KernelMessage.IIOPubMessage): void {
    const parent = message.parent_header as any;
    const content = message.content as any;
    const cell = this._cells.get(parent.msg_id);
    if (message.header.msg_type === 'execute_input' && cell) {
      cell.count = content.execution_count;
    } else if (message.header.msg_type === 'status') {
      // A status without a parent may be the server's.
      if (this.isOn && parent.msg_id && message.header.session !== this._process) {
        this._replaced.emit();
        return;
      }
      this._onStatus(content.execution_state, parent);
    }
  }

  private _onStatus(state: string, parent: { msg_id?: string; msg_type?: string }): void {
    const id = parent.msg_id ?? '';
    if (state === 'busy' && parent.msg_type === 'execute_request' && !this._own.has(id)) {
      this._running = id;
    } else if (state !== 'busy' && (id === this._running || (this._running === UNKNOWN && parent.msg_type === 'execute_request'))) {
      // Only what runs between cells tells that the kernel is free: what looks may be answered by a subshell.
      this._running = null;
    }
    if (state === 'idle') {
      this._own.delete(id);
      const { count, cell } = this._cells.get(id) ?? { count: null, cell: null };
      this._cells.delete(id);
      if (count !== null) {
        this._ran.emit({ count, cell });
      }
    }
  }

  /** What is told while the connection is away is not heard: no cell may count as running for ever. */
  private _onConnection(_: Kernel.IKernelConnection, status: Kernel.ConnectionStatus): void {
    if (status !== 'connected') {
      this._cells.clear();
      this._missed = this._missed || this._hears;
    } else if (this._missed) {
      this._missed = false;
      void this._return();
    }
    this._hears = status === 'connected';
  }

  /**
   * The connection is back, after something may have been said that nobody heard.
   *
   * A server keeps for a page what its kernel says meanwhile, but not when it is the server that was started again.
   */
  private async _return(): Promise<void> {
    this._running = UNKNOWN;
    const performed = [...this._performed];
    if (!this.isOn) {
      this._giveUp(performed);
      if (this._starting !== null) {
        this._starting = null;
        await this.start();
      } else if (this._condition.kind === 'asking' || this._condition.kind === 'off') {
        await this.probe();
      }
      return;
    }
    const turn = this._turn;
    this._questions?.again(() => this._lost());
    let known: boolean;
    try {
      // Answered between cells, after everything that was asked for before.
      await this._execute('', {});
      known = await this._knowsUs();
    } catch (error) {
      // The kernel has ended, which is told elsewhere.
      return;
    }
    if (turn !== this._turn || !this.isOn) {
      return;
    }
    this._giveUp(performed);
    if (!known) {
      // Recording has ended meanwhile, or begun anew.
      this._drop(false);
      this._become({ kind: 'asking' });
      await this.probe();
    }
  }

  private _giveUp(performed: IPerformed[]): void {
    for (const one of performed) {
      one.giveUp(this._lost());
    }
  }

  private _lost(): Fault {
    const message = this.trans.__('The connection to the kernel was lost before the answer came.');
    return new Fault({ code: 'gone', message, hint: this.trans.__('Whether it was done, the history shows.') });
  }

  /** Whether the kernel still has its end of the comm for requests. */
  private async _knowsUs(): Promise<boolean> {
    const reply = await this.kernel.requestCommInfo({ target_name: RPC });
    const comms = reply.content.status === 'ok' ? reply.content.comms : {};
    return this._rpc !== null && this._rpc.commId in comms;
  }

  /**
   * Ask a kernel that has ended until it answers, because it was started again; whether it does.
   *
   * What a new process says before the server listens to it is lost, and an older ipykernel says nothing more unasked:
   * JupyterLab does not know then that it is there until something runs.
   */
  async answers(): Promise<boolean> {
    const ended = () => this._condition.kind === 'gone' && !this._isDisposed && this.kernel.status !== 'dead';
    let answered = false;
    while (ended() && !answered) {
      await pause(SILENT);
      // While it is being restarted, it may be the old process that answers.
      if (ended() && this.isReachable && ['unknown', 'starting'].includes(this.kernel.status)) {
        const asked = this.kernel.requestKernelInfo().then(() => true, () => false);
        answered = await Promise.race([asked, pause(SILENT).then(() => false)]);
      }
    }
    return answered && ended();
  }

  /** The kernel is another one from now on, or none: what was open has ended without a word. */
  reset(gone: boolean): void {
    this._turn += 1;
    this._running = this._starting = null;
    this._own.clear();
    this._cells.clear();
    this._drop(false);
    this._become(gone ? { kind: 'gone' } : { kind: 'asking' });
  }

  /** Ask for something that is recorded. */
  ask(verb: string, details: JSONObject = {}): Promise<any> {
    const comm = this._rpc;
    if (!comm || comm.isDisposed || !this.isOn) {
      return Promise.reject(new Fault({ code: 'no-session', message: this.trans.__('This notebook is not being recorded') }));
    }
    const old = this._condition.kind === 'on' && !this._condition.hello.pieces;
    const message = this.trans.__("This is too much for the kernel's Timeslip, which is older than this front end");
    return this._questions!.ask(verb, details, old ? new Fault({ code: 'usage', message }) : null);
  }

  /**
   * Do something, between cells.
   *
   * *progress* hears how far a long one is.
   */
  async perform(words: string[], progress?: (text: string) => void): Promise<{ answer: any; notices: string[] }> {
    const call = `__import__('timeslip.ipython.remote', fromlist=['call']).call(${JSON.stringify(words)}, ${NEVER})`;
    const reply = await this._answered(this._execute('', { timeslip: call }, progress));
    const body = expression(reply)?.['application/json'] as any;
    if (body?.answer) {
      return { answer: body.answer, notices: body.notices ?? [] };
    }
    const content = reply.content as any;
    const found = content.user_expressions?.timeslip;
    throw new Fault(
      body?.error ?? { code: 'no-answer', message: found?.evalue || content.evalue || this.trans.__('The kernel gave no answer') }
    );
  }

  /** *reply*, unless it is known not to come any more. */
  private _answered<T>(reply: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const one: IPerformed = { giveUp: reject };
      this._performed.add(one);
      reply.then(resolve, reject).finally(() => this._performed.delete(one));
    });
  }

  private async _isPython(turn: number): Promise<boolean> {
    const info = await this.kernel.info;
    if (turn !== this._turn) {
      return false;
    }
    const language = info.language_info?.name ?? '';
    if (language.toLowerCase() !== 'python') {
      this._become({ kind: 'not-python', language });
      return false;
    }
    return true;
  }

  private async _execute(
    code: string,
    expressions: JSONObject,
    progress?: (text: string) => void
  ): Promise<KernelMessage.IExecuteReplyMsg> {
    const future = this.kernel.requestExecute({
      code,
      silent: true,
      store_history: false,
      allow_stdin: false,
      stop_on_error: false,
      user_expressions: expressions
    });
    this._own.add(future.msg.header.msg_id);
    if (progress) {
      future.onIOPub = message => {
        const text = (message.content as any)?.data?.['text/plain'];
        if (typeof text === 'string') {
          progress(text);
        }
      };
    }
    try {
      return (await future.done) as KernelMessage.IExecuteReplyMsg;
    } catch (error) {
      // JupyterLab's own words for it are about futures.
      const message = this.trans.__('The kernel or the notebook was closed before the answer came.');
      throw new Fault({ code: 'gone', message });
    }
  }

  private async _connect(turn: number): Promise<void> {
    this._drop(true);
    const hello = await this._open();
    if (turn !== this._turn) {
      return;
    }
    if (hello === null) {
      this._become({ kind: 'older' });
    } else if ('refused' in hello) {
      const fault = hello.refused;
      this._become(fault.code === 'version' ? { kind: 'older' } : { kind: 'failed', fault });
    } else {
      this._listen();
      this._become({ kind: 'on', hello: hello.hello });
    }
  }

  /** Open the comm for requests; what the kernel says first, or null when it knows no such comm. */
  private async _open(): Promise<{ hello: IHello } | { refused: IFault } | null> {
    for (;;) {
      const { comm, said, opened } = this._try();
      const lost = opened.then(() => pause(LOST)).then(() => undefined);
      const answer = await Promise.race([said, lost]);
      if (answer !== undefined || this._rpc !== comm) {
        return answer ?? null;
      }
      // As with any answer: the server may have dropped it.
      comm.onClose = () => undefined;
      comm.close();
    }
  }

  private _try(): { comm: IComm; said: Promise<{ hello: IHello } | { refused: IFault } | null>; opened: Promise<unknown> } {
    const comm = commTo(this.kernel, RPC);
    const questions = new Questions(comm);
    this._rpc = comm;
    this._questions = questions;
    const said = new Promise<{ hello: IHello } | { refused: IFault } | null>(resolve => {
      comm.onMsg = message => {
        const data = message.content.data as any;
        if (data.hello || data.refused) {
          this._process = message.header.session;
          resolve(data);
          return;
        }
        questions.answered(data, error => new Fault(error));
      };
      comm.onClose = message => {
        const data = message.content.data as any;
        resolve(data?.refused ? { refused: data.refused } : null);
        if (this._rpc === comm && this.isOn) {
          this._ended();
        }
      };
    });
    return { comm, said, opened: Promise.resolve(comm.open({ versions: VERSIONS })?.done) };
  }

  private _listen(): void {
    const comm = commTo(this.kernel, 'timeslip.events');
    this._events = comm;
    comm.onMsg = message => {
      const event = message.content.data as any;
      if (event.event === 'closed') {
        this._ended();
      } else if (event.event) {
        this._event.emit(event as IEvent);
      }
    };
    comm.onClose = () => {
      if (this._events === comm && this.isOn) {
        this._ended();
      }
    };
    comm.open({ versions: VERSIONS });
  }

  /** Recording was ended in the kernel. */
  private _ended(): void {
    this._turn += 1;
    this._drop(true);
    this._become({ kind: 'off' });
  }

  private _drop(tell: boolean): void {
    for (const comm of [this._rpc, this._events]) {
      if (comm && !comm.isDisposed) {
        comm.onClose = () => undefined;
        if (tell && !this.kernel.isDisposed && this.kernel.status !== 'dead') {
          comm.close();
        } else {
          comm.dispose();
        }
      }
    }
    this._rpc = this._events = null;
    this._questions?.end(new Fault({ code: 'gone', message: this.trans.__('The kernel has ended') }));
    this._questions = null;
  }

  private _failed(turn: number, error: unknown): void {
    // A kernel that is restarted or shut down cancels what was asked: its end is told elsewhere.
    if (turn === this._turn && !this._isDisposed) {
      this._become({ kind: 'failed', fault: { code: 'start', message: String((error as Error)?.message ?? error) } });
    }
  }

  private _become(condition: Condition): void {
    if (!this._isDisposed) {
      this._condition = condition;
      this._conditionChanged.emit(condition);
    }
  }

  /** Cells of this page that have not ended, by their request: their execution counts as soon as they begin. */
  private _cells = new Map<string, { count: number | null; cell: string | null }>();
  private _condition: Condition = { kind: 'asking' };
  private _conditionChanged = new Signal<this, Condition>(this);
  private _event = new Signal<this, IEvent>(this);
  private _events: IComm | null = null;
  /** Whether the connection was there when it was heard of last. */
  private _hears: boolean;
  private _isDisposed = false;
  /** Whether something may have been said that was not heard. */
  private _missed = false;
  /** Requests of our own that are on their way: no cells. */
  private _own = new Set<string>();
  /** The session in which the kernel's process sends what it says. */
  private _process = '';
  /** What is being done, between cells. */
  private _performed = new Set<IPerformed>();
  private _questions: Questions | null = null;
  private _ran = new Signal<this, IRan>(this);
  /** The request whose cell is running. */
  private _running: string | null = null;
  private _replaced = new Signal<this, void>(this);
  private _rpc: IComm | null = null;
  private _starting: Promise<void> | null = null;
  /** Rises with everything that makes an answer on its way obsolete. */
  private _turn = 0;
}

function expression(reply: KernelMessage.IExecuteReplyMsg): { [mime: string]: unknown } | undefined {
  return (reply.content as any).user_expressions?.timeslip?.data;
}
