import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorReport, errnoOf, errorTable, HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { eventSchema } from '../event.ts';
import { maxDead, maxNotificationBytes, maxWaiting } from '../limits.ts';
import { syncFolder, writeWhole } from './durable-file.ts';
import type {
  ClaimedNotification,
  Notification,
  NotificationStore,
  WaitingNotification,
} from './notification-store.ts';

const errorSchema = z.object({
  code: z.string().refine((code): code is ErrorReport['code'] => Object.hasOwn(errorTable, code)),
  message: z.string(),
  guidance: z.string(),
  retry: z.enum(['permanent', 'transient', 'unknown']),
  context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).optional()),
});
const notificationSchema = z.strictObject({
  id: z.uuid(),
  destination: z.string(),
  recipient: z.string().optional(),
  event: eventSchema,
  createdAt: z.iso.datetime(),
  attempts: z.number().int().min(0),
  lastError: errorSchema.optional(),
});

/** `0001800000000000-<id>.json`: by its name a file says when it is due, so that the order of names is that of time. */
const namePattern = /^(\d{16})-([0-9a-f-]{36})\.json$/;
const nameOf = (due: Date, id: string): string => `${String(due.getTime()).padStart(16, '0')}-${id}.json`;

/**
 * A folder with one file for each notification. Whoever takes one renames it to the time at which its claim ends: one step, which
 * only one of several processes succeeds with, and after a crash it is due again by itself.
 */
export class FolderStore implements NotificationStore {
  readonly #waiting: string;
  readonly #dead: string;

  private constructor(folder: string) {
    this.#waiting = join(folder, 'waiting');
    this.#dead = join(folder, 'dead');
  }

  static async open(folder: string): Promise<FolderStore> {
    const store = new FolderStore(folder);
    // Names of computers and files are in it: nobody else's business.
    for (const path of [store.#waiting, store.#dead]) await mkdir(path, { recursive: true, mode: 0o700 });
    return store;
  }

  async add(notifications: readonly Notification[]): Promise<void> {
    const waiting = await namesIn(this.#waiting);
    if (waiting.length + notifications.length > maxWaiting)
      throw new HoldfastError('internal.limit', {
        message: `${waiting.length} notifications wait to be sent already, and ${maxWaiting} are kept at most.`,
        guidance: 'See what holds them up: `holdfast notify list`.',
      });
    for (const notification of notifications)
      await writeWhole(join(this.#waiting, nameOf(notification.createdAt, notification.id)), textOf(notification));
    await syncFolder(this.#waiting);
  }

  async takeDue(o: { now: Date; claimMs: number }): Promise<ClaimedNotification | undefined> {
    for (const name of await namesIn(this.#waiting)) {
      if (dueAt(name) > o.now) return undefined;
      const claim = nameOf(new Date(o.now.getTime() + o.claimMs), idIn(name));
      if (!(await moved(join(this.#waiting, name), join(this.#waiting, claim)))) continue;
      const notification = await readNotification(join(this.#waiting, claim));
      if (notification) return { ...notification, claim };
      // Nothing of ours writes such a file; it is kept where it can be looked at, out of the way.
      await moved(join(this.#waiting, claim), join(this.#dead, claim));
    }
    return undefined;
  }

  async done({ claim }: ClaimedNotification): Promise<void> {
    await rm(join(this.#waiting, claim), { force: true });
    await syncFolder(this.#waiting);
  }

  async failed(notification: ClaimedNotification, o: { error: ErrorReport; dueAt: Date }): Promise<void> {
    const path = join(this.#waiting, notification.claim);
    if (!(await this.#noteFailure(path, notification, o.error))) return;
    await moved(path, join(this.#waiting, nameOf(o.dueAt, notification.id)));
    await syncFolder(this.#waiting);
  }

  async givenUp(notification: ClaimedNotification, { error }: { error: ErrorReport }): Promise<void> {
    const path = join(this.#waiting, notification.claim);
    if (!(await this.#noteFailure(path, notification, error))) return;
    await moved(path, join(this.#dead, notification.claim));
    const names = await namesIn(this.#dead);
    for (const name of names.slice(0, Math.max(0, names.length - maxDead)))
      await rm(join(this.#dead, name), { force: true });
    for (const folder of [this.#waiting, this.#dead]) await syncFolder(folder);
  }

  async waiting(): Promise<WaitingNotification[]> {
    const all = await Promise.all((await namesIn(this.#waiting)).map((name) => this.#waitingIn(name)));
    return all.filter((one) => one !== undefined);
  }

  async dead(): Promise<Notification[]> {
    const all = await Promise.all((await namesIn(this.#dead)).map((name) => readNotification(join(this.#dead, name))));
    return all.filter((one) => one !== undefined);
  }

  async revive(o: { now: Date; ids?: readonly string[] | undefined }): Promise<number> {
    let revived = 0;
    for (const name of await namesIn(this.#dead)) {
      const path = join(this.#dead, name);
      const notification = await readNotification(path);
      if (!notification || (o.ids !== undefined && !o.ids.includes(notification.id))) continue;
      // Its time begins anew, or it would be given up at once.
      await writeWhole(path, textOf({ ...notification, createdAt: o.now, attempts: 0 }));
      if (await moved(path, join(this.#waiting, nameOf(o.now, notification.id)))) revived += 1;
    }
    for (const folder of [this.#dead, this.#waiting]) await syncFolder(folder);
    return revived;
  }

  async #waitingIn(name: string): Promise<WaitingNotification | undefined> {
    const notification = await readNotification(join(this.#waiting, name));
    return notification && { ...notification, dueAt: dueAt(name) };
  }

  /** False when it is not ours any more: the claim had ended. */
  async #noteFailure(path: string, notification: ClaimedNotification, error: ErrorReport): Promise<boolean> {
    if ((await sizeOf(path)) === undefined) return false;
    await writeWhole(path, textOf({ ...notification, attempts: notification.attempts + 1, lastError: error }));
    return true;
  }
}

function textOf({ id, destination, recipient, event, createdAt, attempts, lastError }: Notification): string {
  return JSON.stringify({ id, destination, recipient, event, createdAt, attempts, lastError });
}

async function readNotification(path: string): Promise<Notification | undefined> {
  const sizeBytes = await sizeOf(path);
  if (sizeBytes === undefined || sizeBytes > maxNotificationBytes) return undefined;
  try {
    const { recipient, lastError, createdAt, ...rest } = notificationSchema.parse(
      JSON.parse(await readFile(path, 'utf8')),
    );
    return { ...rest, recipient, lastError, createdAt: new Date(createdAt) };
  } catch (error) {
    // Taken by somebody else meanwhile, or no notification.
    if (errnoOf(error) === 'ENOENT' || error instanceof z.ZodError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => namePattern.test(name)).sort();
}

function dueAt(name: string): Date {
  return new Date(Number(namePattern.exec(name)?.[1] ?? 0));
}

function idIn(name: string): string {
  return namePattern.exec(name)?.[2] ?? '';
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** False when it was not there any more. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
