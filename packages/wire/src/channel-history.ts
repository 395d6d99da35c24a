import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { certificateRoleOf, isChannelId, type ProcessName } from '@holdfast/contract';
import { type Clock, type ErrorCode, errnoOf, errorTable, HoldfastError, toHoldfastError } from '@holdfast/core';
import { historySaveMs, maxHistoryBytes } from './limits.ts';
import type { ChannelCounts, ChannelRefusals, ChannelTraffic, Direction, PeerClass } from './meter.ts';
import { replaceFile } from './replace-file.ts';

/** The counts of all processes that used one data directory, one after the other. */
export interface ChannelReport extends ChannelCounts {
  /** The program that counted. */
  readonly process: ProcessName;
  /** ISO 8601: what is not in it was not used since then. */
  readonly since: string;
}

const fileName = 'channel-use.json';

/**
 * Keeps what a wire counts across restarts, in one small file of the data directory. It is written every five minutes while
 * something changes, and at the end: a crash loses the counts of five minutes, never those before.
 */
export class ChannelHistory implements AsyncDisposable {
  readonly #o: Options;
  readonly #earlier: ChannelReport;
  readonly #over = new AbortController();
  #counts: () => ChannelCounts = () => ({ traffic: [], refusals: [] });
  #saving: Promise<void> | undefined;
  #saved = '';

  private constructor(options: Options, earlier: ChannelReport) {
    this.#o = options;
    this.#earlier = earlier;
  }

  /** Reads what was kept; where that cannot be read, counting starts anew, and `onFailure` is told. */
  static async open(options: Options): Promise<ChannelHistory> {
    const { dataDir, clock, onFailure } = options;
    const now = clock.now().toISOString();
    let earlier: ChannelReport | undefined;
    try {
      earlier = await readChannelReport(dataDir);
    } catch (error) {
      onFailure(toHoldfastError(error));
    }
    const kept = { since: now, ...noCounts, ...earlier, process: options.process };
    return new ChannelHistory(options, withoutFuture(kept, clock.now()));
  }

  /** Adds what the process's wire counts from now on, and keeps it. Dispose the wire first: it counts to the end. */
  follow(wire: { counts(): ChannelCounts }): void {
    this.#counts = () => wire.counts();
    this.#saving ??= this.#saveAgainAndAgain();
  }

  report(): ChannelReport {
    const { process, since, ...earlier } = this.#earlier;
    return { process, since, ...addCounts(earlier, this.#counts()) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#saving;
    await this.#save();
  }

  async #saveAgainAndAgain(): Promise<void> {
    const { signal } = this.#over;
    // At once as well: what was never saved has no beginning.
    while (!signal.aborted) {
      await this.#save();
      try {
        await this.#o.clock.sleep(historySaveMs, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  }

  /** A disk that is full stops no backup: the next time may work. */
  async #save(): Promise<void> {
    const text = `${JSON.stringify(closed(this.report()))}\n`;
    if (text === this.#saved) return;
    try {
      await replaceFile(join(this.#o.dataDir, fileName), text);
      this.#saved = text;
    } catch (error) {
      this.#o.onFailure(toHoldfastError(error));
    }
  }
}

interface Options {
  readonly process: ProcessName;
  /** Of the process, which alone writes there. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly onFailure: (error: HoldfastError) => void;
}

/** What is open now is not open for whoever reads the file. */
function closed(report: ChannelReport): ChannelReport {
  return { ...report, traffic: report.traffic.map((one) => ({ ...one, openConnections: 0 })) };
}

/**
 * The report that a process keeps in its data directory; undefined where there is none yet. Throws `usage.configuration` for anything
 * else than a small file of that form: whoever audits a computer reads files of users with fewer rights.
 */
export async function readChannelReport(dataDir: string): Promise<ChannelReport | undefined> {
  const path = join(dataDir, fileName);
  let text: string;
  try {
    // Not to wait for the other end of a pipe that somebody put there.
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    if (!(await file.stat()).isFile()) throw wrong(path);
    // What is called a file may grow, or be a link to what never ends (in /proc, some of it to be read in eights).
    const room = Buffer.alloc(maxHistoryBytes + 8);
    let bytes = 0;
    for (let read = -1; read !== 0 && bytes < room.length; bytes += read)
      read = (await file.read(room, bytes, room.length - bytes, null)).bytesRead;
    if (bytes > maxHistoryBytes) throw wrong(path);
    text = room.toString('utf8', 0, bytes);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const report = parseChannelReport(text);
  if (!report) throw wrong(path);
  return report;
}

/** A report of a clock that was ahead, or still is: what it dates later than now would never be old enough for anything. */
export function withoutFuture(report: ChannelReport, now: Date): ChannelReport {
  const nowText = now.toISOString();
  const past = (time: string): string => (time < nowText ? time : nowText);
  return {
    process: report.process,
    since: past(report.since),
    traffic: report.traffic.map((one) => ({ ...one, lastUsedAt: past(one.lastUsedAt) })),
    refusals: report.refusals.map((one) => ({ ...one, lastAt: past(one.lastAt) })),
  };
}

function wrong(path: string): HoldfastError {
  return new HoldfastError('usage.configuration', {
    message: `${path} does not hold counts of channel use.`,
    guidance: 'Delete it: counting starts anew.',
  });
}

export function parseChannelReport(text: string): ChannelReport | undefined {
  try {
    return channelReportOf(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * A report of whoever it may be from. Undefined: it is none. Entries for channels, peers and errors that this version does not
 * have are left out, so that what comes of it is bounded.
 */
export function channelReportOf(value: unknown): ChannelReport | undefined {
  const { process, since, traffic, refusals } = fields(value);
  if (typeof process !== 'string' || !isProcess(process)) return undefined;
  if (!isTime(since) || !Array.isArray(traffic) || !Array.isArray(refusals)) return undefined;
  // Added up: whatever is in the file, each channel is there once.
  return {
    process,
    since,
    ...addCounts({ traffic: traffic.flatMap(trafficOf), refusals: refusals.flatMap(refusalOf) }, noCounts),
  };
}

const noCounts: ChannelCounts = { traffic: [], refusals: [] };
const peers: ReadonlySet<unknown> = new Set<PeerClass>([...Object.values(certificateRoleOf), 'none']);

function trafficOf(value: unknown): readonly ChannelTraffic[] {
  const { channel, direction, peer, connections, openConnections, receivedBytes, sentBytes, lastUsedAt } =
    fields(value);
  if (typeof channel !== 'string' || !isChannelId(channel) || !isDirection(direction) || !peers.has(peer)) return [];
  if (!isCount(connections) || !isCount(openConnections) || !isCount(receivedBytes)) return [];
  if (!isCount(sentBytes) || !isTime(lastUsedAt)) return [];
  const known = { channel, direction, peer: peer as PeerClass };
  return [{ ...known, connections, openConnections, receivedBytes, sentBytes, lastUsedAt }];
}

function refusalOf(value: unknown): readonly ChannelRefusals[] {
  const { channel, direction, reason, count, lastAt } = fields(value);
  if (typeof channel !== 'string' || !isChannelId(channel) || !isDirection(direction)) return [];
  if (typeof reason !== 'string' || !Object.hasOwn(errorTable, reason) || !isCount(count) || !isTime(lastAt)) return [];
  return [{ channel, direction, reason: reason as ErrorCode, count, lastAt }];
}

function fields(value: unknown): { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isProcess(value: string): value is ProcessName {
  return Object.hasOwn(certificateRoleOf, value);
}

function isDirection(value: unknown): value is Direction {
  return value === 'in' || value === 'out';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** As `toISOString` writes it, so that the order of texts is that of times. */
function isTime(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
}

/** Both, one entry for each channel, direction, and peer or reason. */
export function addCounts(some: ChannelCounts, others: ChannelCounts): ChannelCounts {
  const later = (a: string, b: string): string => (a > b ? a : b);
  // Whoever reads a sum takes no number that is not exact.
  const sum = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);
  const traffic = merge(
    [...some.traffic, ...others.traffic],
    ({ channel, direction, peer }) => `${channel} ${direction} ${peer}`,
    (a, b) => ({
      ...a,
      connections: sum(a.connections, b.connections),
      openConnections: sum(a.openConnections, b.openConnections),
      receivedBytes: sum(a.receivedBytes, b.receivedBytes),
      sentBytes: sum(a.sentBytes, b.sentBytes),
      lastUsedAt: later(a.lastUsedAt, b.lastUsedAt),
    }),
  );
  const refusals = merge(
    [...some.refusals, ...others.refusals],
    ({ channel, direction, reason }) => `${channel} ${direction} ${reason}`,
    (a, b) => ({ ...a, count: sum(a.count, b.count), lastAt: later(a.lastAt, b.lastAt) }),
  );
  return { traffic, refusals };
}

function merge<T>(all: readonly T[], keyOf: (one: T) => string, add: (a: T, b: T) => T): T[] {
  const merged = new Map<string, T>();
  for (const one of all) {
    const known = merged.get(keyOf(one));
    merged.set(keyOf(one), known ? add(known, one) : one);
  }
  return [...merged.values()];
}
