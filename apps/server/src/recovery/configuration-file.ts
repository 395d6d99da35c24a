import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';
import { HoldfastError, productVersion } from '@holdfast/core';
import { type KitKeys, type KitSeal, readSealedStream, sealStream } from '@holdfast/protocol/recovery-kit';
import { z } from 'zod';
import type { DumpedLine } from '../catalogue/dump.ts';

/**
 * A configuration backup: a line in the clear that says what it is, and, sealed to the recovery kit, compressed lines of JSON: what
 * the server is, its secret files, and its catalogue. A changed meaning needs another version.
 */
const format = 'holdfast-configuration';
const version = 1;

/** In the clear: which kit opens it has to be known before. */
const about = z.object({
  format: z.literal(format),
  version: z.literal(version),
  installation: z.uuid(),
  kitId: z.string(),
  createdAt: z.iso.datetime(),
  productVersion: z.string(),
});
export type ConfigurationAbout = z.infer<typeof about>;

const head = z.object({
  /** The step of the schema that the catalogue is of. */
  schema: z.string(),
  /** What the server was started with. */
  config: z.record(z.string(), z.unknown()),
  /** Files of the data directory. */
  files: z.record(z.string().regex(/^[a-z][a-z.-]{0,60}$/), z.string()),
});
export type ConfigurationHead = z.infer<typeof head>;

const value = z.union([z.string(), z.number(), z.null()]);
const dumped = z.union([
  z.strictObject({ table: z.string(), columns: z.array(z.string()).max(200) }),
  z.strictObject({ row: z.array(value).max(200) }),
]);
/** The last line: what was cut off in the middle, and yet opens, can't be taken for whole. */
const end = z.strictObject({ lines: z.number().int() });

export async function* writeConfiguration(o: {
  readonly installation: string;
  readonly createdAt: Date;
  readonly head: ConfigurationHead;
  readonly lines: AsyncIterable<DumpedLine>;
  readonly kit: KitSeal & { readonly authKey: string };
}): AsyncGenerator<Buffer> {
  const line: ConfigurationAbout = {
    format,
    version,
    installation: o.installation,
    kitId: o.kit.id,
    createdAt: o.createdAt.toISOString(),
    productVersion,
  };
  const compressed = Readable.from(plainLines(o)).compose(createZstdCompress());
  yield* sealStream(compressed as AsyncIterable<Uint8Array>, { line: JSON.stringify(line), kit: o.kit });
}

async function* plainLines(o: {
  readonly head: ConfigurationHead;
  readonly lines: AsyncIterable<DumpedLine>;
}): AsyncGenerator<string> {
  yield `${JSON.stringify(o.head)}\n`;
  let lines = 0;
  for await (const line of o.lines) {
    yield `${JSON.stringify(line)}\n`;
    lines += 1;
  }
  yield `${JSON.stringify({ lines })}\n`;
}

/**
 * What a configuration backup says of itself, and what opens it. What `open` gives is the server's own: `lines` throws at its end when
 * it is not whole. @throws configuration.damaged, kit.other
 */
export async function readConfiguration(bytes: AsyncIterable<Uint8Array>): Promise<{
  readonly about: ConfigurationAbout;
  readonly open: (
    kit: KitKeys,
  ) => Promise<{ readonly head: ConfigurationHead; readonly lines: AsyncGenerator<DumpedLine> }>;
}> {
  const sealed = await readSealedStream(bytes);
  const said = parsed(about, sealed.line);
  return {
    about: said,
    open: async (kit) => {
      if (kit.id !== said.kitId)
        throw new HoldfastError('kit.other', {
          message: `The configuration backup of ${said.createdAt} opens with recovery kit ${said.kitId}; those are the words of ${kit.id}.`,
        });
      const lines = linesOf(sealed.open(kit));
      const first = await lines.next();
      if (first.done) throw notWhole();
      return { head: parsed(head, first.value), lines: dumpedLines(lines) };
    },
  };
}

async function* linesOf(sealed: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const plain = Readable.from(sealed).compose(createZstdDecompress());
  yield* createInterface({ input: plain, crlfDelay: Number.POSITIVE_INFINITY });
}

async function* dumpedLines(lines: AsyncGenerator<string>): AsyncGenerator<DumpedLine> {
  let count = 0;
  for await (const line of lines) {
    const whole = line.startsWith('{"lines":') ? parsed(end, line) : undefined;
    if (whole) {
      if (whole.lines !== count || !(await lines.next()).done) throw notWhole();
      return;
    }
    yield parsed(dumped, line);
    count += 1;
  }
  throw notWhole();
}

function parsed<Schema extends z.ZodType>(schema: Schema, line: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new HoldfastError('configuration.damaged', {
      message: 'The configuration backup has a line that this version of Holdfast does not understand.',
      guidance: 'Restore it with the version that made it, or a later one.',
      cause,
    });
  }
}

function notWhole(): HoldfastError {
  return new HoldfastError('configuration.damaged', { message: 'The configuration backup is not whole.' });
}
