import { z } from 'zod';
import type { DataDirectory } from './data-directory.ts';

const ids = z.strictObject({ installation: z.uuid(), serverId: z.uuid() });

/** Which installation this is, and which server of it: made at the first start, and the same for all of its instances. */
export async function readInstallation(data: DataDirectory): Promise<z.infer<typeof ids>> {
  const text = await data.readOrMake('server.json', () =>
    JSON.stringify({ installation: crypto.randomUUID(), serverId: crypto.randomUUID() }),
  );
  return ids.parse(JSON.parse(text));
}
