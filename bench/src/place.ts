import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from './programs/backup-program.ts';

/** Not a secret: the benchmark's own repositories only. */
export const repositoryPassword = 'correct horse battery staple';

/** The folders of a place, made where they are missing. */
export function makePlace(folder: string): Place {
  const place = {
    repository: join(folder, 'repository'),
    passwordFile: join(folder, 'password'),
    password: repositoryPassword,
    home: join(folder, 'home'),
  };
  for (const path of [place.repository, place.home]) mkdirSync(path, { recursive: true });
  writeFileSync(place.passwordFile, repositoryPassword, { mode: 0o600 });
  return place;
}
