import { z } from 'zod';
import { kitSeal } from './maintenance-tasks.ts';

/** A key's password, sealed to a recovery kit. */
export const sealedKitPassword = z.object({ kitId: kitSeal.shape.id, sealedPassword: z.string().min(1).max(1_000) });
export type SealedKitPassword = z.infer<typeof sealedKitPassword>;

const keyFile = z.object({ recoveryKit: sealedKitPassword });

/** What a key file of a repository has for a recovery kit; undefined in those of passwords that people or the server have. */
export function kitPasswordIn(content: Uint8Array): SealedKitPassword | undefined {
  try {
    return keyFile.safeParse(JSON.parse(Buffer.from(content).toString('utf8'))).data?.recoveryKit;
  } catch (error) {
    // Not JSON: a damaged key, which is no concern here.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
