/** The blocks of tar archives (POSIX.1-2001); what the old header has no room for, `dump` of the engine puts into records before it. */

const tarBlockBytes = 512;
/** An archive ends with two empty blocks. */
export const tarEnd = Buffer.alloc(2 * tarBlockBytes);

/** Zeros up to the next full block. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes);
}

export interface UstarFields {
  readonly name: Buffer;
  readonly link: Buffer;
  readonly flag: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: Buffer;
  readonly group: Buffer;
  readonly seconds: number;
  readonly device: bigint;
}

/** The old header of 512 bytes; what does not fit is cut off, and stands in a record. */
export function ustarHeader(fields: UstarFields): Buffer {
  const header = Buffer.alloc(tarBlockBytes);
  const text = (value: Buffer, at: number, roomBytes: number): void => {
    header.set(value.subarray(0, roomBytes), at);
  };
  const octal = (value: number, at: number, digits: number): void => {
    const fits = value >= 0 && value < 8 ** digits ? value : 0;
    header.write(Math.trunc(fits).toString(8).padStart(digits, '0'), at, 'latin1');
  };
  text(fields.name, 0, 100);
  octal(fields.mode, 100, 7);
  octal(fields.uid, 108, 7);
  octal(fields.gid, 116, 7);
  octal(fields.sizeBytes, 124, 11);
  octal(fields.seconds, 136, 11);
  header.write(fields.flag, 156, 'latin1');
  text(fields.link, 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  text(fields.user, 265, 31);
  text(fields.group, 297, 31);
  const { device } = fields;
  octal(Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)), 329, 7);
  octal(Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)), 337, 7);
  // The sum counts its own field as spaces.
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
