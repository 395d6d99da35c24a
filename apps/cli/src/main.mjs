// JavaScript, because Node would load a compiler for TypeScript here, before the cache can say that there is nothing to compile.
import '@holdfast/native/quick-resolution';
import { enableCompileCache } from 'node:module';
import { userInfo } from 'node:os';
import { join } from 'node:path';

// Types stripped and code compiled once, not at every start: halves the time until a command begins. The variable passes it
// on to threads and to the processes that a command starts.
const { directory } = enableCompileCache(codeCacheFolder());
if (directory !== undefined) process.env.NODE_COMPILE_CACHE = directory;
await import('./program.ts');

/**
 * Never a folder that others can write to, such as Node's default in /tmp, nor one below $HOME, which sudo may keep: whoever
 * can write the cache decides what runs here.
 */
function codeCacheFolder() {
  try {
    return join(userInfo().homedir, '.cache', 'holdfast', 'code');
  } catch {
    // A user without an entry, as in some containers. Nothing can be created there, so nothing is cached.
    return '/nonexistent';
  }
}
