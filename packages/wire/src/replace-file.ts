import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The file has the old text or the new one, whenever the computer stops; the new one is durable when it resolves. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  {
    await using file = await open(temporary, 'w', 0o600);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(temporary, path);
  if (process.platform !== 'win32') {
    await using folder = await open(dirname(path), 'r');
    await folder.sync();
  }
}
