/**
 * A comm on a connection that handles none.
 *
 * Of all connections that a page has to one kernel JupyterLab lets only the first handle comms: a notebook that is opened
 * after a console, or after another notebook, on the same kernel cannot open any. What is needed of one are plain
 * messages, which every connection can send and hear.
 */
import { Kernel, KernelMessage } from '@jupyterlab/services';
import { JSONObject, UUID } from '@lumino/coreutils';

/** What the link needs of a comm; JupyterLab's own have it, too. */
export interface IComm {
  readonly commId: string;
  readonly isDisposed: boolean;
  onMsg: (message: KernelMessage.ICommMsgMsg) => void | PromiseLike<void>;
  onClose: (message: KernelMessage.ICommCloseMsg) => void | PromiseLike<void>;
  open(data: JSONObject): { done: Promise<unknown> } | void;
  send(data: JSONObject): { done: Promise<unknown> };
  close(): unknown;
  dispose(): void;
}

/** A comm to *target*, whoever handles the comms of that page. */
export function commTo(kernel: Kernel.IKernelConnection, target: string): IComm {
  return kernel.handleComms ? kernel.createComm(target) : new PlainComm(kernel, target);
}

class PlainComm implements IComm {
  constructor(
    private readonly kernel: Kernel.IKernelConnection,
    private readonly target: string
  ) {}

  readonly commId = UUID.uuid4();
  onMsg: IComm['onMsg'] = () => undefined;
  onClose: IComm['onClose'] = () => undefined;

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  open(data: JSONObject): { done: Promise<unknown> } {
    this.kernel.iopubMessage.connect(this._onMessage, this);
    this._opened = this._open(data);
    return { done: this._opened };
  }

  send(data: JSONObject): { done: Promise<unknown> } {
    return { done: this._opened.then(() => this._say('comm_msg', { data })) };
  }

  close(): void {
    void this._say('comm_close', { data: {} }).catch(() => undefined);
    this.dispose();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this.kernel.iopubMessage.disconnect(this._onMessage, this);
      if (this._subshell !== null && !this.kernel.isDisposed && this.kernel.status !== 'dead') {
        void this.kernel.requestDeleteSubshell({ subshell_id: this._subshell }).done.catch(() => undefined);
      }
    }
  }

  /** In a subshell where the kernel has them and the user wants it: so it answers while a cell runs. */
  private async _open(data: JSONObject): Promise<unknown> {
    const { kernel } = this;
    await kernel.info;
    if (kernel.supportsSubshells && kernel.commsOverSubshells !== 'disabled') {
      this._subshell = (await kernel.requestCreateSubshell({}).done).content.subshell_id;
    }
    return this._say('comm_open', { target_name: this.target, data });
  }

  private async _say(type: 'comm_open' | 'comm_msg' | 'comm_close', content: JSONObject): Promise<unknown> {
    if (this._isDisposed || this.kernel.isDisposed) {
      return;
    }
    const header = {
      date: new Date().toISOString(),
      msg_id: UUID.uuid4(),
      msg_type: type,
      session: this.kernel.clientId,
      subshell_id: this._subshell,
      username: this.kernel.username,
      version: '5.2'
    };
    const message = {
      buffers: [],
      channel: 'shell',
      content: { comm_id: this.commId, ...content },
      header,
      metadata: {},
      parent_header: {}
    };
    return this.kernel.sendShellMessage(message as unknown as KernelMessage.IShellMessage, false, true).done;
  }

  private _onMessage(_: Kernel.IKernelConnection, message: KernelMessage.IIOPubMessage): void {
    if ((message.content as { comm_id?: string }).comm_id !== this.commId) {
      return;
    }
    if (message.header.msg_type === 'comm_msg') {
      void this.onMsg(message as KernelMessage.ICommMsgMsg);
    } else if (message.header.msg_type === 'comm_close') {
      void this.onClose(message as KernelMessage.ICommCloseMsg);
      this.dispose();
    }
  }

  private _isDisposed = false;
  private _opened: Promise<unknown> = Promise.resolve();
  private _subshell: string | null = null;
}
