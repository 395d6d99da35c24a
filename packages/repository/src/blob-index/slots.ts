/** The words of the index's open-addressing tables: of their slots, and of where they are. */

/** The highest four bits of a slot are those of the hash, so that a reader seldom looks at an entry in vain. */
export const slotTagShift = 28;
/** The number of an entry + 1; 0 is an empty slot. */
export const slotEntryMask = 2 ** slotTagShift - 1;

export const slotWord = (hash: number, entry: number): number =>
  (((hash >>> slotTagShift) << slotTagShift) | (entry + 1)) >>> 0;

/** Tables start at multiples of the smallest: 26 bits of a table word say where, 6 bits the size as a power of two. */
export const smallestTable = 64;
const tableSizeBits = 6;

export const tableWord = (first: number, slots: number): number =>
  ((first / smallestTable) << tableSizeBits) | Math.log2(slots);
export const tableFirst = (table: number): number => (table >>> tableSizeBits) * smallestTable;
export const tableSlots = (table: number): number => 1 << (table & (2 ** tableSizeBits - 1));
