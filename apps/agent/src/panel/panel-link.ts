import { createHmac, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, HoldfastError } from '@holdfast/core';
import { parseJsonText, parseMessage, readSecretFile, sameText, writeFileDurably } from '@holdfast/protocol';
import { z } from 'zod';
import { linkLifetimeMs } from '../limits.ts';

/**
 * Links to the control panel. The agent leaves a key in its data directory, new at each start; whoever can read that makes links with
 * it, and nobody else can: other people on the same computer reach the port, but have no key. A link is good once, and not for long.
 */

const fileName = 'panel.json';
const panelFile = z.strictObject({
  version: z.literal(1),
  port: z.number().int().min(1).max(65_535),
  key: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

export async function savePanelKey(dataDir: string, o: { readonly port: number; readonly key: Buffer }): Promise<void> {
  const file = { version: 1, port: o.port, key: o.key.toString('base64url') } satisfies z.input<typeof panelFile>;
  await writeFileDurably(join(dataDir, fileName), JSON.stringify(file));
}

export async function removePanelKey(dataDir: string): Promise<void> {
  await rm(join(dataDir, fileName), { force: true });
}

/** Where a panel is, as browsers name it. */
export function panelOrigin(port: number): string {
  return `http://127.0.0.1:${port}`;
}

export interface PanelLink {
  /** The secret is behind the `#`, which browsers send to nobody. */
  readonly url: string;
  readonly port: number;
  readonly expiresAt: string;
}

/** A link to the panel of the agent with that data directory; `panel.closed` when that does not run, or has no panel. */
export async function createPanelLink(o: { readonly dataDir: string; readonly clock: Clock }): Promise<PanelLink> {
  const path = join(o.dataDir, fileName);
  const text = await readSecretFile(path);
  if (text === undefined)
    throw new HoldfastError('panel.closed', {
      message: `There is no ${path}: no agent with a control panel runs there.`,
    });
  const { port, key } = parseMessage(panelFile, parseJsonText(text, path), path);
  const expiresMs = o.clock.now().getTime() + linkLifetimeMs;
  const claim = `${expiresMs.toString(36)}.${randomBytes(16).toString('base64url')}`;
  const secret = `${claim}.${proofOf(claim, Buffer.from(key, 'base64url'))}`;
  return { url: `${panelOrigin(port)}/#link=${secret}`, port, expiresAt: new Date(expiresMs).toISOString() };
}

/** What a link claims, if the key made it and it has not expired; its `claim` is that of no other link. */
export function readPanelLink(
  link: string,
  { key, now }: { readonly key: Buffer; readonly now: Date },
): { readonly claim: string; readonly expiresMs: number } | undefined {
  const at = link.lastIndexOf('.');
  const claim = link.slice(0, Math.max(0, at));
  if (!sameText(link.slice(at + 1), proofOf(claim, key))) return undefined;
  const expiresMs = Number.parseInt(claim, 36);
  return expiresMs > now.getTime() ? { claim, expiresMs } : undefined;
}

function proofOf(claim: string, key: Buffer): string {
  return createHmac('sha256', key).update(`holdfast control panel 1\n${claim}`).digest('base64url');
}
