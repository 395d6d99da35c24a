import { HoldfastError } from '@holdfast/core';
import { type ObjectType, objectTypes, type Target } from '@holdfast/storage';

/** Bytes that one repository takes, against its quota. Counted once by listing, then kept up with every change. */
export class Usage {
  readonly #quotaBytes: number | undefined;
  readonly #target: Target;
  readonly #name: string;
  #counting: Promise<void> | undefined;
  #usedBytes = 0;
  #reservedBytes = 0;

  constructor(options: { target: Target; name: string; quotaBytes: number | undefined }) {
    this.#target = options.target;
    this.#name = options.name;
    this.#quotaBytes = options.quotaBytes;
  }

  /**
   * Sets room aside for an upload, so that several at once can't exceed the quota together. Throws `storage.full`. Disposing
   * gives back what was not kept.
   */
  async reserve(sizeBytes: number): Promise<{ keep(storedBytes: number): void } & Disposable> {
    if (this.#quotaBytes === undefined) return { keep: () => undefined, [Symbol.dispose]: () => undefined };
    this.#counting ??= this.#count();
    await this.#counting;
    if (this.#usedBytes + this.#reservedBytes + sizeBytes > this.#quotaBytes)
      throw new HoldfastError('storage.full', {
        message: `Repository ${this.#name} has used its quota: ${this.#usedBytes} of ${this.#quotaBytes} bytes, and ${sizeBytes} more were to come.`,
        guidance: 'Remove old snapshots and prune, or raise the quota in the configuration of the mover.',
        context: { usedBytes: this.#usedBytes, quotaBytes: this.#quotaBytes, sizeBytes },
      });
    this.#reservedBytes += sizeBytes;
    return {
      keep: (storedBytes) => {
        this.#usedBytes += storedBytes;
      },
      [Symbol.dispose]: () => {
        this.#reservedBytes -= sizeBytes;
      },
    };
  }

  release(sizeBytes: number): void {
    this.#usedBytes = Math.max(0, this.#usedBytes - sizeBytes);
  }

  async #count(): Promise<void> {
    try {
      this.#usedBytes += (await measureTarget(this.#target)).usedBytes;
    } catch (error) {
      // The next upload counts again.
      this.#counting = undefined;
      throw error;
    }
  }
}

/** All objects of a repository and their bytes, by listing them. */
export async function measureTarget(
  target: Pick<Target, 'list' | 'stat'>,
): Promise<{ usedBytes: number; objects: number }> {
  const config = await target.stat({ type: 'config', id: '' });
  let [usedBytes, objects] = [config?.sizeBytes ?? 0, config ? 1 : 0];
  for (const type of objectTypes.filter((one): one is Exclude<ObjectType, 'config'> => one !== 'config'))
    for await (const page of target.list(type))
      for (const { sizeBytes } of page) {
        usedBytes += sizeBytes;
        objects += 1;
      }
  return { usedBytes, objects };
}
