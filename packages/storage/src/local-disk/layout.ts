import { join } from 'node:path';
import { typeFolders } from '../rest-protocol.ts';
import type { ObjectName, ObjectType } from '../target.ts';

/** Everything of ours that is not restic's stands in one folder, which restic never looks into. */
const ownFolder = 'holdfast';

/** restic's modes: only the owner sees a repository, and nobody writes a finished object (Windows can't delete those). */
export const folderMode = 0o700;
export const objectMode = process.platform === 'win32' ? 0o600 : 0o400;

/** Where things are in a repository on disk (restic doc/design.rst, "Repository Layout"). */
export class Layout {
  readonly root: string;
  readonly temporaryFolder: string;

  constructor(root: string) {
    this.root = root;
    this.temporaryFolder = join(root, ownFolder, 'tmp');
  }

  typeFolder(type: Exclude<ObjectType, 'config'>): string {
    return join(this.root, typeFolders[type]);
  }

  /** `data` is spread over 256 folders by the first two digits. */
  objectFolder(name: ObjectName): string {
    if (name.type === 'config') return this.root;
    const folder = this.typeFolder(name.type);
    return name.type === 'data' ? join(folder, name.id.slice(0, 2)) : folder;
  }

  objectFile(name: ObjectName): string {
    return join(this.objectFolder(name), name.type === 'config' ? 'config' : name.id);
  }

  retentionFolder(name: ObjectName): string {
    const top = join(this.root, ownFolder, 'retention');
    if (name.type === 'config') return top;
    const folder = join(top, typeFolders[name.type]);
    return name.type === 'data' ? join(folder, name.id.slice(0, 2)) : folder;
  }

  retentionFile(name: ObjectName): string {
    return join(this.retentionFolder(name), name.type === 'config' ? 'config' : name.id);
  }

  /** Every folder that restic makes when it initialises a repository. */
  initialFolders(): string[] {
    const data = Array.from({ length: 256 }, (_, index) =>
      join(this.typeFolder('data'), index.toString(16).padStart(2, '0')),
    );
    return [...Object.values(typeFolders).map((folder) => join(this.root, folder)), ...data];
  }
}
