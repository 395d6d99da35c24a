import { HoldfastError } from '@holdfast/core';
import { isObjectId, type ObjectId } from './object-id.ts';
import { parseTime } from './rfc3339.ts';

/** A JSON object from a foreign file, read field by field; what is wrong is `repository.damaged` and named. */
export class JsonRecord {
  readonly #value: Record<string, unknown>;
  readonly #where: string;

  private constructor(value: Record<string, unknown>, where: string) {
    this.#value = value;
    this.#where = where;
  }

  static parse(json: Uint8Array, where: string): JsonRecord {
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8'));
    } catch (cause) {
      throw new HoldfastError('repository.damaged', { message: `${where} is not JSON.`, cause });
    }
    return JsonRecord.of(value, where);
  }

  static of(value: unknown, where: string): JsonRecord {
    if (!isRecord(value)) throw new HoldfastError('repository.damaged', { message: `${where} is no JSON object.` });
    return new JsonRecord(value, where);
  }

  has(field: string): boolean {
    return this.#value[field] !== undefined && this.#value[field] !== null;
  }

  /** A whole number of at least 0; 0 when absent, as Go leaves zeros out. */
  count(field: string): number {
    const value = this.#value[field] ?? 0;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw this.#wrong(field);
    return value;
  }

  text(field: string): string {
    const value = this.#value[field] ?? '';
    if (typeof value !== 'string') throw this.#wrong(field);
    return value;
  }

  texts(field: string): string[] {
    const value = this.#value[field] ?? [];
    if (!Array.isArray(value) || !value.every((text) => typeof text === 'string')) throw this.#wrong(field);
    return value;
  }

  flag(field: string): boolean {
    const value = this.#value[field] ?? false;
    if (typeof value !== 'boolean') throw this.#wrong(field);
    return value;
  }

  time(field: string): string {
    const value = this.text(field);
    if (parseTime(value) === undefined) throw this.#wrong(field);
    return value;
  }

  id(field: string): ObjectId {
    const value = this.#value[field];
    if (!isObjectId(value)) throw this.#wrong(field);
    return value;
  }

  optionalId(field: string): ObjectId | undefined {
    return this.has(field) ? this.id(field) : undefined;
  }

  bytes(field: string): Buffer {
    const text = this.text(field);
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw this.#wrong(field);
    return Buffer.from(text, 'base64');
  }

  record(field: string): JsonRecord {
    return JsonRecord.of(this.#value[field], `${this.#where}, ${field},`);
  }

  #wrong(field: string): HoldfastError {
    return new HoldfastError('repository.damaged', { message: `The field ${field} of ${this.#where} is wrong.` });
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
