import { plainLines } from '@holdfast/core';

/** The end of what a program prints, which is where it says what went wrong. */
export class OutputTail {
  readonly #maxBytes: number;
  readonly #pieces: Buffer[] = [];
  #keptBytes = 0;
  #totalBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(piece: Buffer): void {
    this.#totalBytes += piece.length;
    // What is kept is never more than twice the limit, however small or large the pieces are.
    this.#pieces.push(Buffer.from(piece.subarray(-this.#maxBytes)));
    this.#keptBytes += Math.min(piece.length, this.#maxBytes);
    if (this.#keptBytes < 2 * this.#maxBytes) return;
    const kept = this.#end();
    this.#pieces.splice(0, Number.POSITIVE_INFINITY, kept);
    this.#keptBytes = kept.length;
  }

  /** As text of lines that steer no terminal; says how much went before. */
  get text(): string {
    const kept = this.#end();
    const leftOut = this.#totalBytes - kept.length;
    const text = plainLines(kept.toString('utf8')).trimEnd();
    return leftOut > 0 ? `(${leftOut} bytes before this are left out)\n${text}` : text;
  }

  #end(): Buffer {
    return Buffer.concat(this.#pieces).subarray(-this.#maxBytes);
  }
}
