import { type Clock, formatBytes, HoldfastError } from '@holdfast/core';
import { type GrantMode, type LogLevel, type OpenSession, type SessionStatus, TaskLog } from '@holdfast/protocol';
import type { Logger } from 'pino';
import { maxChannelsPerSession, maxSessions, sessionIdleMs } from './limits.ts';

/** One computer's admission to one repository for one run. The server opens and closes it; its data channels live in it. */
export class Session {
  readonly id: string;
  readonly tenant: string;
  readonly repository: string;
  readonly subject: string;
  readonly fingerprint: string;
  readonly mode: GrantMode;
  /** Its computer gets what an executor shows it, and nothing out of the repository itself. */
  readonly viewOnly: boolean;
  /** The session whose computer this one's, an executor, shows something. */
  readonly publishesTo: string | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #log: TaskLog;
  readonly #over = new AbortController();
  readonly #channels = new Set<object>();
  #requests = 0;
  #lastUsedMs: number;
  #receivedBytes = 0;
  #sentBytes = 0;
  #objectsCreated = 0;

  constructor(request: OpenSession, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.id = request.sessionId;
    this.tenant = request.tenant;
    this.repository = request.repository;
    this.subject = request.subject;
    this.fingerprint = request.fingerprint;
    this.mode = request.mode;
    this.viewOnly = request.viewOnly === true;
    this.publishesTo = request.publishesTo;
    this.#clock = clock;
    this.#lastUsedMs = clock.monotonicMs();
    this.#log = new TaskLog(clock);
    const { run, session, request: asked } = request;
    this.#logger = logger.child({
      moverSession: this.id,
      ...(run && { run }),
      ...(session && { session }),
      ...(asked && { request: asked }),
    });
    this.note(
      'info',
      `Session for ${this.subject} in repository ${this.repository}, to ${this.mode}${this.viewOnly ? ', through its executor' : ''}`,
    );
  }

  /** A line of the log of what it is open for, and of this process. */
  note(level: LogLevel, message: string): void {
    const { message: text } = this.#log.add({ level, process: 'mover', message });
    this.#logger[level === 'warning' ? 'warn' : level](text);
  }

  /** Aborted when the session ends: its leases, channels and requests end with it. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get isIdle(): boolean {
    const quiet = this.#channels.size === 0 && this.#requests === 0;
    return quiet && this.#clock.monotonicMs() - this.#lastUsedMs > sessionIdleMs;
  }

  isFor(request: OpenSession): boolean {
    return (
      this.tenant === request.tenant &&
      this.repository === request.repository &&
      this.subject === request.subject &&
      this.fingerprint === request.fingerprint &&
      this.mode === request.mode &&
      this.viewOnly === (request.viewOnly === true) &&
      this.publishesTo === request.publishesTo
    );
  }

  /** Takes a place for a data channel, from the lease to the end of its connection. `using` gives it back. */
  takeChannel(): Disposable {
    this.#touch();
    if (this.#channels.size >= maxChannelsPerSession)
      throw new HoldfastError('lease.none', {
        message: `Session ${this.id} has ${this.#channels.size} data channels already, as many as one may have.`,
        guidance: 'Close some of them first.',
      });
    const place = {};
    this.#channels.add(place);
    return {
      [Symbol.dispose]: () => {
        this.#touch();
        this.#channels.delete(place);
      },
    };
  }

  beginRequest(): Disposable {
    this.#touch();
    this.#requests += 1;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#touch();
        this.#requests -= 1;
      },
    };
  }

  count(transferred: { receivedBytes?: number; sentBytes?: number; objectsCreated?: number }): void {
    this.#receivedBytes += transferred.receivedBytes ?? 0;
    this.#sentBytes += transferred.sentBytes ?? 0;
    this.#objectsCreated += transferred.objectsCreated ?? 0;
  }

  /** With the lines of its log after a time. */
  status(logAfter?: string): SessionStatus {
    return {
      log: [...this.#log.lines(logAfter)],
      sessionId: this.id,
      openChannels: this.#channels.size,
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#sentBytes,
      objectsCreated: this.#objectsCreated,
    };
  }

  end(why: string): void {
    const received = formatBytes(this.#receivedBytes);
    const sent = formatBytes(this.#sentBytes);
    this.note(
      'info',
      `The session is over, ${why}: ${received} received, ${sent} sent, ${this.#objectsCreated} objects made`,
    );
    this.#over.abort(new HoldfastError('grant.invalid', { message: `The session is over: ${why}.` }));
  }

  #touch(): void {
    this.#lastUsedMs = this.#clock.monotonicMs();
  }
}

/** The sessions of a mover. They live in memory: after a restart the server opens them again. */
export class Sessions {
  readonly #o: { readonly clock: Clock; readonly logger: Logger };
  readonly #open = new Map<string, Session>();
  /** Ids of sessions that no server opened, by whom and what they are for. */
  readonly #standing = new Map<string, string>();

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#o = options;
  }

  /** Repeating an identical request is harmless; `request.conflict` for another one of the same id. */
  open(request: OpenSession): Session {
    const known = this.#open.get(request.sessionId);
    if (known?.isFor(request)) return known;
    if (known)
      throw new HoldfastError('request.conflict', {
        message: `Session ${request.sessionId} is open already, for another computer, repository or mode.`,
      });
    if (this.#open.size >= maxSessions)
      throw new HoldfastError('internal.limit', { message: `More than ${maxSessions} sessions are open.` });
    const session = new Session(request, this.#o);
    this.#open.set(session.id, session);
    return session;
  }

  /** The one that standing grants to that computer, repository and mode share: open already, or opened now. */
  standing(request: Omit<OpenSession, 'sessionId'>): Session {
    const key = JSON.stringify([
      request.tenant,
      request.repository,
      request.subject,
      request.fingerprint,
      request.mode,
    ]);
    const known = this.#open.get(this.#standing.get(key) ?? '');
    if (known) return known;
    const session = this.open({ ...request, sessionId: crypto.randomUUID() });
    this.#standing.set(key, session.id);
    session.over.addEventListener('abort', () => this.#standing.delete(key), { once: true });
    return session;
  }

  find(id: string): Session | undefined {
    return this.#open.get(id);
  }

  require(id: string): Session {
    const session = this.#open.get(id);
    if (!session) throw new HoldfastError('request.missing', { message: `There is no session ${id} here.` });
    return session;
  }

  close(id: string, why: string): Session {
    const session = this.require(id);
    this.#open.delete(id);
    session.end(why);
    return session;
  }

  /** Ends sessions that nobody uses any more. */
  sweep(): void {
    for (const session of [...this.#open.values()])
      if (session.isIdle) this.close(session.id, 'nobody used it for half an hour');
  }

  closeAll(why: string): void {
    for (const id of [...this.#open.keys()]) this.close(id, why);
  }
}
