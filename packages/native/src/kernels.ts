import { fileURLToPath } from 'node:url';
import { loadLibrary } from './library.ts';

/** What a processor has beyond the least of its kind. */
export interface ProcessorFeatures {
  readonly avx2: boolean;
  /** F and BW. */
  readonly avx512: boolean;
  /** SHA extensions. */
  readonly sha: boolean;
  /** F and VL: turns of words in one instruction, in registers of every width. */
  readonly turns: boolean;
}

/** Our own functions in C, of the folder `kernel`. */
export interface Kernels {
  readonly processor: ProcessorFeatures;
  readonly bind: ReturnType<typeof loadLibrary>;
}

/**
 * The kernels, where there are any: the file is built for Linux on x64 by kernel/build.sh and needs no library. They are an
 * acceleration and nothing else.
 * @param file another build of it, for tests
 */
export function loadKernels(file?: string): Kernels | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  try {
    const bind = loadLibrary(file ?? fileURLToPath(new URL('../kernel/kernels.linux-x64.so', import.meta.url)));
    const bits = bind<() => number>('uint32_t holdfast_processor()')();
    const has = (bit: number): boolean => (bits & bit) !== 0;
    return { bind, processor: { avx2: has(1), avx512: has(2), sha: has(4), turns: has(8) } };
  } catch {
    // Not to be loaded here (a file system without execution, say): nothing is lost but speed.
    return undefined;
  }
}
